import { expect, test } from "vitest"
import { effectTokens } from "../../../src/state/server/effect-tokens.ts"
import { findToken } from "../../../src/state/server/tokens.ts"
import { repo, tokens } from "../support/state-server.ts"

const [from] = tokens
if (from === undefined) throw new Error("no tokens")

test("an effect's token ends after a day", () => {
  let now = 0
  const issued = effectTokens(() => now)
  const secret = issued.issue(from, repo)
  now = 24 * 3600_000 - 1
  expect(findToken(issued.all(), secret)?.name).toBe("alice")
  now += 1
  expect(findToken(issued.all(), secret)).toBeUndefined()
})

test("of very many, the oldest end first", () => {
  const issued = effectTokens(() => 0)
  const secrets = Array.from({ length: 1_002 }, () => issued.issue(from, repo))
  expect(issued.all()).toHaveLength(1_000)
  expect(findToken(issued.all(), secrets[1] ?? "")).toBeUndefined()
  expect(findToken(issued.all(), secrets[2] ?? "")).toBeDefined()
})
