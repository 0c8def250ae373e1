import { expect, test } from "vitest"
import { errorCodes, filesBelow, read, sourcesBelow } from "./sources.ts"

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

test("the exit codes on the page are those of the sources", () => {
  const text = sourcesBelow("src", "effects")
    .map((source) => source.text)
    .join("\n")
  const thrownBy = (thrower: string): ReadonlySet<string | undefined> =>
    new Set([...text.matchAll(new RegExp(`${thrower}\\(\\{\\s*code: "([a-z0-9-]+)"`, "g"))].map(([, code]) => code))
  const usage = thrownBy("usageError")
  const failures = thrownBy("AlcidesError")
  const wrong = read("docs/concepts/errors.md")
    .split("\n")
    .flatMap((line) => {
      const [, code, exit = ""] = /^\| `([a-z0-9-]+)` \| ([^|]+) \|/.exec(line) ?? []
      const codesOnPage = exit.split(" or ")
      return code !== undefined &&
        ((usage.has(code) && !codesOnPage.includes("2")) || (failures.has(code) && exit === "2"))
        ? [line]
        : []
    })
  expect(usage.size).toBeGreaterThan(20)
  expect(wrong).toEqual([])
})

test("every code is exercised in a test", () => {
  const tests = filesBelow("test", ".ts")
    .filter((path) => !path.startsWith("test/house/") && !path.startsWith("test/docs/"))
    .map(read)
    .join("\n")
  const mentioned = new Set([...tests.matchAll(/["'`]([a-z][a-z0-9-]+)["'`]/g)].map(([, code]) => code))
  expect(codes.filter((code) => !mentioned.has(code))).toEqual([])
})
