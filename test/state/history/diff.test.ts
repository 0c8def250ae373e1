import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { diffJson, formatPath, insideText, parseJson, type Json, type Path } from "../../../src/state/history/diff.ts"

/** The differences as lines. */
function diff(before: Json, after: Json): readonly string[] {
  return Array.from(diffJson(before, after), (one) => {
    const values = [
      ...(one.kind === "added" ? [] : [JSON.stringify(one.before)]),
      ...(one.kind === "removed" ? [] : [JSON.stringify(one.after)]),
    ]
    return `${one.kind} ${formatPath(one.path)} ${values.join(" -> ")}`
  })
}

describe("diffJson", () => {
  it.each<readonly [string, Json, Json, readonly string[]]>([
    ["nothing", { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ["the order of keys", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ["a value", { a: { b: 1, c: 2 } }, { a: { b: 3, c: 2 } }, ["changed .a.b 1 -> 3"]],
    ["a key", { a: 1 }, { b: 1 }, ["removed .a 1", "added .b 1"]],
    ["everything in what is new", {}, { a: { b: 1, c: [2] } }, ["added .a.b 1", "added .a.c[0] 2"]],
    ["what is empty", { a: [] }, { b: {} }, ["removed .a []", "added .b {}"]],
    ["null and absent", { a: null }, {}, ["removed .a null"]],
    ["kinds", { a: { b: 1 } }, { a: [1] }, ["removed .a.b 1", "added .a[0] 1"]],
    ["a scalar and a list", { a: 1 }, { a: [1] }, ["removed .a 1", "added .a[0] 1"]],
    ["the front of a list", [1, 2, 3], [0, 1, 2, 3], ["added .[0] 0"]],
    ["the middle of a list", [{ id: 1 }, 2, 3], [{ id: 1 }, 3], ["removed .[1] 2"]],
    ["an item of a list", [{ id: 1 }, { id: 2 }], [{ id: 1 }, { id: 3 }], ["changed .[1].id 2 -> 3"]],
    ["repeated items", [1, 1], [1, 1, 1], ["added .[2] 1"]],
    ["JSON in a text", { a: '{"b":[1]}' }, { a: '{ "b": [2] }' }, ["changed .a | fromjson | .b[0] 1 -> 2"]],
    ["JSON in JSON in a text", ['[["x"]]'], ['[["y"]]'], ['changed .[0] | fromjson | .[0][0] "x" -> "y"']],
    ["blanks in the JSON in a text", { a: "[1, 2]" }, { a: "[1,2]" }, []],
    ["a text that became JSON", { a: "x" }, { a: "[1]" }, ['removed .a "x"', "added .a | fromjson | .[0] 1"]],
    ["a text that looks like JSON", { a: "{x" }, { a: "{y" }, ['changed .a "{x" -> "{y"']],
    ["keys that are no words", { "a.b": 1 }, { "a.b": 2 }, ['changed ."a.b" 1 -> 2']],
    ["keys that objects inherit", JSON.parse('{"__proto__":1}'), { a: 1 }, ["removed .__proto__ 1", "added .a 1"]],
  ])("tells %s", (_, before, after, lines) => {
    expect(diff(before, after)).toEqual(lines)
  })

  it("takes no longer than the documents are large, however they are nested", () => {
    const nest = (depth: number, leaf: number): Json => (depth === 0 ? leaf : [nest(depth - 1, leaf)])
    expect(diff(nest(300, 1), nest(300, 2))).toHaveLength(1)
  })

  // Keys and texts that are easily the same by chance, and texts that hold JSON.
  const { value: json } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>(null, true, 0, 1, "", "a", "[1]", '{"a":"[2]"}', "{"),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("a", "b", "c d"), tie("value"), { noNullPrototype: true }),
    ),
  }))

  it("finds nothing between a value and itself, and something between any two others", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(diff(before, structuredClone(before))).toEqual([])
        expect(diff(before, after).length === 0).toBe(isDeepStrictEqual(before, after))
      }),
    )
  })

  it("finds the same in both directions", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const kinds = (from: Json, to: Json) => Array.from(diffJson(from, to), ({ kind }) => kind)
        const opposite = { added: "removed", removed: "added", changed: "changed" } as const
        const there = kinds(before, after).map((kind) => opposite[kind])
        expect(kinds(after, before).toSorted()).toEqual(there.toSorted())
      }),
    )
  })
})

describe("formatPath", () => {
  it.each<readonly [Path, string]>([
    [[], "."],
    [["a", 0, "b-c"], '.a[0]."b-c"'],
    [[0, "a"], ".[0].a"],
    [[insideText], ". | fromjson | ."],
    [["a", insideText, 1, insideText, "b"], ".a | fromjson | .[1] | fromjson | .b"],
  ])("writes %j as jq does", (path, text) => {
    expect(formatPath(path)).toBe(text)
  })
})

describe("parseJson", () => {
  it.each([
    ["{}", {}],
    [" [1] ", [1]],
    ['"text"', undefined],
    ["1", undefined],
    ["null", undefined],
    ["{", undefined],
    ["", undefined],
  ])("reads %j as %j", (text, value) => {
    expect(parseJson(text)).toEqual(value)
  })
})
