import { expect, test } from "vitest"
import { AlcidesError, Exit } from "../../../src/errors.ts"
import { parseTokens } from "../../../src/state/server/tokens-file.ts"

const entry = { sha256: "0".repeat(64), name: "alice", projects: ["github/neat-org/*"], access: "write" }
const parse = (value: unknown) =>
  parseTokens({ text: typeof value === "string" ? value : JSON.stringify(value), label: "t.json" })

test("a tokens file is read", () => {
  const full = { ...entry, access: "read", currentTask: "github/neat-org/neat-repo" }
  expect(parse({ tokens: [entry, full] })).toEqual([entry, full])
})

test.each([
  ["{", "t.json is no JSON"],
  [[], "t.json: at its root: "],
  [
    { tokens: [{ ...entry, sha256: "hunter2-hunter2" }] },
    "at tokens.0.sha256: expected 64 lower-case hexadecimal digits",
  ],
  [{ tokens: [{ ...entry, token: "hunter2-hunter2" }] }, "at tokens.0: "],
  [{ tokens: [{ ...entry, name: "" }] }, "at tokens.0.name: "],
  [{ tokens: [{ ...entry, projects: [] }] }, "at tokens.0.projects: "],
  [{ tokens: [{ ...entry, projects: ["hunter2-hunter2"] }] }, "at tokens.0.projects.0: expected SITE/OWNER/REPO"],
  [{ tokens: [{ ...entry, access: "admin" }] }, "at tokens.0.access: "],
  [{ tokens: [{ ...entry, currentTask: "github/neat-org/*" }] }, "at tokens.0.currentTask: expected one project"],
])("%j is none", (value, message) => {
  try {
    parse(value)
  } catch (error) {
    expect(error).toBeInstanceOf(AlcidesError)
    expect(error).toMatchObject({
      code: "serve-tokens-invalid",
      exit: Exit.usage,
      message: expect.stringContaining(message),
    })
    expect(String(error)).not.toContain("hunter2")
    return
  }
  throw new Error("nothing was thrown")
})
