import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { locateJson } from "../../src/secrets/json-positions.ts"
import { parseSecretsFile } from "../../src/secrets/secrets-file.ts"

function parse(text: string) {
  return parseSecretsFile({ text, label: "secrets.json" })
}

function failureOf(run: () => unknown): AlcidesError {
  try {
    run()
  } catch (error) {
    if (error instanceof AlcidesError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

const good = { kind: "Secret", data: { token: "t0ken" }, condition: { and: [{ isOwner: "o" }, "isDefaultBranch"] } }

describe("a secrets file", () => {
  test("gives the entries as Hercules CI writes them", () => {
    const { entries, repeated } = parse(JSON.stringify({ netlify: good }))
    const entry = entries.get("netlify")
    if (entry?.status !== "ok") throw new Error("malformed")
    expect(entry.data.reveal()).toEqual({ token: "t0ken" })
    expect(entry.condition).toEqual(good.condition)
    expect(repeated).toEqual([])
  })

  test("may begin with a byte order mark, and ignores unknown fields", () => {
    expect(
      parse(
        `\uFEFF{"a": {"kind": "Secret", "data": {}, "comment": "hi", "condition": null, "apiVersion": null}}`,
      ).entries.get("a"),
    ).toMatchObject({
      status: "ok",
      condition: undefined,
    })
  })

  test("does not show what it holds", () => {
    const { entries } = parse(JSON.stringify({ netlify: good }))
    expect(JSON.stringify([...entries])).not.toContain("t0ken")
  })

  test.each([
    [{ ...good, kind: "secret" }, "a.kind", 'expected "Secret", got a string'],
    [{ data: {} }, "a.kind", 'expected "Secret", got nothing'],
    [{ ...good, apiVersion: "v1" }, "a.apiVersion", "expected no such field"],
    [{ kind: "Secret" }, "a.data", "expected an object, got nothing"],
    [{ ...good, data: "s3cret-value" }, "a.data", "expected an object, got a string"],
    [{ ...good, data: ["s3cret-value"] }, "a.data", "expected an object, got an array"],
    ["s3cret-value", "a", "expected an object, got a string"],
    [{ ...good, condition: { and: [true, { isBrunch: "b" }] } }, "a.condition.and[1]", /got "isBrunch"$/],
  ])("names a malformed entry: %j", (entry, path, message) => {
    const { entries } = parse(JSON.stringify({ good, a: entry }))
    expect(entries.get("good")?.status).toBe("ok")
    expect(entries.get("a")).toMatchObject({
      status: "malformed",
      problems: [{ path, message: expect.stringMatching(message) }],
    })
    expect(JSON.stringify(entries.get("a"))).not.toContain("s3cret-value")
  })

  test("says on which line a malformed entry is wrong", () => {
    const text =
      '{\n  "a.b": {\n    "kind": "Secret",\n    "data": {},\n    "condition": {"or": [true,\n      {"isOwner": 3}]}\n  },\n  "c": {}\n}'
    const { entries } = parse(text)
    expect(entries.get("a.b")).toEqual({
      status: "malformed",
      problems: [
        { path: '"a.b".condition.or[1].isOwner', position: "6:19", message: "expected a string, got a number" },
      ],
    })
    expect(entries.get("c")).toMatchObject({ problems: [{ position: "8:8" }, { position: "8:8" }] })
  })

  test("knows the fields that stand there twice", () => {
    expect(parse('{"a": {"kind": "Secret", "data": {"x": 1,\n "x": 2}}}').repeated).toEqual([
      { path: "a.data.x", position: "2:7", message: "stands here twice; the last one counts" },
    ])
  })

  test.each(["[]", '"x"', "3", "null"])("is no %s", (text) => {
    expect(failureOf(() => parse(text))).toMatchObject({
      code: "secrets-file-invalid",
      exit: 2,
      message: expect.stringMatching(/^secrets\.json:1:1: expected an object of secrets, got /),
    })
  })
})

describe("a syntax error", () => {
  test.each([
    ["", "1:1: expected a value, got the end (the top level)"],
    ['{"a": {"data": {"k": "s3cret" "x"', '1:31: expected "," or "}" (a.data)'],
    ['{\n  "a": {\n    "data": tru\n', "3:13: expected a value (a.data)"],
    ['{"a": [1,]}', "1:10: expected a value (a[1])"],
    ['{"a": 1,}', "1:9: expected a field name (the top level)"],
    ['{"a" 1}', '1:6: expected ":" (a)'],
    ["{'a': 1}", '1:2: expected a field name or "}" (the top level)'],
    ['{"a": [1 2]}', '1:10: expected "," or "]" (a)'],
    ['{"a": 1} x', "1:10: expected the end of the file (the top level)"],
    ['{"a": "s3cret\n"}', "1:7: expected a value (a)"],
    ['{"a": 01}', "1:7: expected a value (a)"],
    ['{"a": 1 ', '1:8: expected "," or "}", got the end (the top level)'],
    ["{// no\n}", '1:2: expected a field name or "}" (the top level)'],
  ])("in %j", (text, message) => {
    const error = failureOf(() => parse(text))
    expect(error).toMatchObject({ code: "json-invalid", exit: 2, message: `secrets.json:${message}` })
    expect(`${error.message}${error.hint}`).not.toContain("s3cret")
  })

  test("is found exactly where JSON.parse finds one", () => {
    const mangled = fc
      .json()
      .chain((json) =>
        fc
          .tuple(
            fc.nat(json.length),
            fc.nat(3),
            fc.constantFrom("", ",", "}", '"', "\\", "\n", "0", "-", "e", "[", " "),
          )
          .map(([at, gone, put]) => json.slice(0, at) + put + json.slice(at + gone)),
      )
    fc.assert(
      fc.property(mangled, (text) => {
        expect(accepts(() => locateJson({ text, label: "x" }))).toBe(accepts(() => JSON.parse(text)))
      }),
      { numRuns: 5000 },
    )
  })
})

test("every value is found where it stands", () => {
  const pretty = fc
    .tuple(fc.jsonValue(), fc.nat({ max: 4 }))
    .map(([value, indent]) => JSON.stringify(value, null, indent))
  fc.assert(
    fc.property(pretty, (text) => {
      const positions = locateJson({ text, label: "x" })
      for (const [path, value] of walk(JSON.parse(text))) {
        const [line, column] = positions.of(path).split(":").map(Number)
        const rest = text
          .split("\n")
          .slice((line ?? 0) - 1)
          .join("\n")
          .slice((column ?? 0) - 1)
        expect(
          rest.startsWith(
            typeof value === "object" && value !== null ? (Array.isArray(value) ? "[" : "{") : JSON.stringify(value),
          ),
        ).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

function accepts(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}

function walk(
  value: unknown,
  path: readonly (string | number)[] = [],
): readonly (readonly [readonly (string | number)[], unknown])[] {
  if (typeof value !== "object" || value === null) return [[path, value]]
  const parts = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [[path, value] as const, ...parts.flatMap(([key, part]) => walk(part, [...path, key]))]
}
