import { expect, test } from "vitest"
import { hashToken } from "../../../src/state/server/tokens.ts"
import { parseTokens } from "../../../src/state/server/tokens-file.ts"
import { runCli } from "../../support/io.ts"

const env = { ALCIDES_PROJECT: "github/neat-org/neat-repo" }
const make = (...args: string[]) => runCli(["serve", "token", ...args], { env })

test("a token is printed alone, and its entry is one for a tokens file", async () => {
  const { exit, stdout, stderr } = await make("--name", "alice")
  expect(exit).toBe(0)
  const token = stdout.trim()
  const [, line = ""] = stderr.split("\n")
  expect(stderr).not.toContain(token)
  const [entry] = parseTokens({ text: `{"tokens":[${line}]}`, label: "t" })
  expect(entry).toEqual({
    sha256: hashToken(token),
    name: "alice",
    projects: ["github/neat-org/neat-repo"],
    access: "write",
  })
})

test("with --json, both are one object", async () => {
  const { stdout, stderr } = await make("--project", "github/neat-org/*", "--access", "read", "--json")
  expect(JSON.parse(stdout)).toEqual({
    token: expect.stringMatching(/^alcides_/),
    entry: { sha256: expect.any(String), name: "token", projects: ["github/neat-org/*"], access: "read" },
  })
  expect(stderr).toBe("")
})

test.each([
  [["--access", "admin"], "usage"],
  [["--project", "neat-repo"], "project-invalid"],
])("%j is refused", async (args, code) => {
  const { exit, stderr } = await make(...args, "--json")
  expect([exit, JSON.parse(stderr)]).toEqual([2, { error: expect.objectContaining({ code }) }])
})
