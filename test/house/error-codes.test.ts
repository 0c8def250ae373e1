import { expect, test } from "vitest"
import { errorCodes, filesBelow, read } from "./sources.ts"

const codes = [...errorCodes().keys()].toSorted()

test("codes are kebab-case", () => {
  expect(codes.length).toBeGreaterThan(50)
  expect(codes.filter((code) => !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(code))).toEqual([])
})

test("every code has its row in docs/concepts/errors.md, and no row is about nothing", () => {
  const documented = read("docs/concepts/errors.md")
    .split("\n")
    .flatMap((line) => /^\| `([a-z0-9-]+)` \|/.exec(line)?.[1] ?? [])
  expect(documented.length).toBe(new Set(documented).size)
  expect(documented.toSorted()).toEqual(codes)
})

test("every code is exercised in a test", () => {
  const tests = filesBelow("test", ".ts")
    .filter((path) => !path.startsWith("test/house/") && !path.startsWith("test/docs/"))
    .map(read)
    .join("\n")
  const mentioned = new Set([...tests.matchAll(/["'`]([a-z][a-z0-9-]+)["'`]/g)].map(([, code]) => code))
  expect(codes.filter((code) => !mentioned.has(code))).toEqual([])
})
