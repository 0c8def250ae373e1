import { expect, it } from "vitest"
import { placesOf } from "../../src/pipeline/stack.ts"

it("reads places, also where folders have spaces and brackets", () => {
  const stack = `Error: at (/not/a/place.ts:1:1)
    at define (file:///home/a%20b/ci.ts:3:7)
    at Object.define [as x] (/home/a (b)/c d.ts:12:1)
    at /home/bare folder/ci.ts:5:6
    at async Promise.all (index 0)
    at async file:///x.mjs:8:9
    at node:internal/process:1:2
    at new <anonymous> (<anonymous>)`
  expect(placesOf(stack)).toEqual([
    { file: "/home/a b/ci.ts", line: 3, column: 7 },
    { file: "/home/a (b)/c d.ts", line: 12, column: 1 },
    { file: "/home/bare folder/ci.ts", line: 5, column: 6 },
    { file: "/x.mjs", line: 8, column: 9 },
  ])
  expect(placesOf("")).toEqual([])
})
