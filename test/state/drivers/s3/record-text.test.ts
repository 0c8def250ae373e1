import * as fc from "fast-check"
import { expect, test } from "vitest"
import {
  newWriter,
  parseTag,
  tagOf,
  unwrapRecord,
  withWriter,
  wrapRecord,
} from "../../../../src/state/drivers/s3/record-text.ts"

test("what is wrapped comes out again, with who wrote it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat({ max: 40 }), (text, writes) => {
      let writers = withWriter(newWriter(), undefined)
      for (let write = 0; write < writes; write += 1) writers = withWriter(newWriter(), { writers })
      expect(writers.length).toBe(Math.min(writes + 1, 32))
      expect(unwrapRecord(wrapRecord({ writers, text }), "there")).toEqual({ writers, text })
      expect(parseTag(tagOf({ etag: "abc", writers }))).toEqual({ etag: "abc", writers })
    }),
  )
})

test("no part and no alteration of a record passes as one", () => {
  const body = Buffer.from(wrapRecord({ writers: ["b2", "a1"], text: '{"format":1}' }))
  for (let length = 0; length < body.length; length += 1) {
    expect(() => unwrapRecord(body.subarray(0, length).toString(), "there")).toThrow(
      expect.objectContaining({ code: "store-damaged" }),
    )
  }
  const text = body.indexOf("\n") + 1
  for (let index = text; index < body.length; index += 1) {
    const altered = Buffer.from(body)
    altered[index] = (altered[index] ?? 0) ^ 1
    expect(() => unwrapRecord(altered.toString(), "there")).toThrow(expect.objectContaining({ code: "store-damaged" }))
  }
})

test("a record of a newer format is left alone", () => {
  expect(() => unwrapRecord("alcides-record 2 whatever\n{}\n", "there")).toThrow(
    expect.objectContaining({ code: "store-format-unknown", message: expect.stringContaining("there") }),
  )
})
