import { expect, test } from "vitest"
import { allows, effectTokens, findToken, hashToken, newToken } from "../../../src/state/server/tokens.ts"
import { other, repo, secrets, tokens } from "../support/state-server.ts"

test("a token is found by its hash, and no other", () => {
  expect(findToken(tokens, secrets.bob)?.name).toBe("bob")
  for (const wrong of ["", "x", secrets.bob.slice(1), hashToken(secrets.bob)])
    expect(findToken(tokens, wrong)).toBeUndefined()
  expect(findToken([], secrets.bob)).toBeUndefined()
})

test("new tokens are long, differ, and can stand in a header", () => {
  const made = Array.from({ length: 100 }, newToken)
  expect(new Set(made).size).toBe(100)
  for (const token of made) expect(token).toMatch(/^alcides_[A-Za-z0-9_-]{43}$/)
})

test("the hash is what sha256sum says", () => {
  expect(hashToken("alice")).toBe("2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90")
})

test("who may write may read", () => {
  const may = (name: string, project: typeof repo): readonly boolean[] =>
    (["read", "write"] as const).map((access) => {
      const token = tokens.find((one) => one.name === name)
      return token !== undefined && allows(token, { project, access })
    })
  expect(may("alice", repo)).toEqual([true, true])
  expect(may("alice", other)).toEqual([false, false])
  expect(may("bob", other)).toEqual([true, true])
  expect(may("reader", repo)).toEqual([true, false])
})

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
