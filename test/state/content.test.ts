import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { verified } from "../../src/state/content.ts"
import { bytes, textOf } from "./support/content.ts"

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

test("hands on what is whole, in any chunks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.integer({ min: 1, max: 9 }), async (text, chunk) => {
      const size = Buffer.byteLength(text)
      expect(await textOf(verified(bytes(text, chunk), { size, sha256: sha256(text), where: "it" }))).toBe(
        Buffer.from(text).toString(),
      )
    }),
  )
})

test("never hands on the whole of what is not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom("short", "long", "other"),
      async (text, chunk, how) => {
        const wrong =
          how === "short"
            ? text.slice(0, -1)
            : how === "long"
              ? `${text}x`
              : `${text.slice(0, -1)}${text.endsWith("x") ? "y" : "x"}`
        const got: Uint8Array[] = []
        const size = Buffer.byteLength(text)
        const drain = async (): Promise<void> => {
          for await (const part of verified(bytes(wrong, chunk), { size, sha256: sha256(text), where: "it" }))
            got.push(part)
        }
        await expect(drain()).rejects.toMatchObject({
          code: expect.stringMatching(/^state-content-(truncated|corrupt)$/),
          exit: 1,
        })
        expect(Buffer.concat(got).length).toBeLessThan(Math.max(1, size))
      },
    ),
  )
})

test("says what is wrong", async () => {
  const expected = { size: 3, sha256: sha256("one"), where: 'version 1 of "a.json"' }
  await expect(textOf(verified(bytes("on"), expected))).rejects.toThrow(
    'version 1 of "a.json" should have 3 bytes, but the store has only 2',
  )
  await expect(textOf(verified(bytes("ones"), expected))).rejects.toThrow("the store has more")
  await expect(textOf(verified(bytes("two"), expected))).rejects.toThrow(
    `should have the sha256 ${sha256("one")}, but the store's has ${sha256("two")}`,
  )
})
