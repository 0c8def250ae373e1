import * as fc from "fast-check"
import { expect, test } from "vitest"
import { cutIntoParts, partsInFlight, partSize } from "../../../../src/state/drivers/s3/parts.ts"

const mebibyte = 1024 ** 2

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let value = 0
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => (value = (value + 1) % 251))
}

test("parts are full but the last, and together they are the content, also when their memory is used again", async () => {
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 20 })
  const limits = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(sizes, limits, async (chunks, wanted) => {
      const sizeOf = (index: number): number => wanted[Math.min(index, wanted.length - 1)] ?? 1
      const whole: Uint8Array[] = []
      for await (const chunk of chunksOf(chunks)) whole.push(chunk)
      const seen: Buffer[] = []
      const lasts: boolean[] = []
      for await (const { bytes, last, release } of cutIntoParts(chunksOf(chunks), sizeOf)) {
        if (last) expect(bytes.length).toBeLessThanOrEqual(sizeOf(seen.length))
        else expect(bytes.length).toBe(sizeOf(seen.length))
        seen.push(Buffer.from(bytes))
        lasts.push(last)
        release()
      }
      expect(Buffer.concat(seen)).toEqual(Buffer.concat(whole))
      expect(lasts).toEqual([...Array.from({ length: seen.length - 1 }, () => false), true])
    }),
  )
})

test("10,000 parts hold 5 TiB, none is larger than servers take, and no more are in memory than there is room for", () => {
  const sizes = Array.from({ length: 10_000 }, (_, index) => partSize(index))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(5 * 1024 ** 4)
  expect(Math.min(...sizes)).toBe(8 * mebibyte)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 ** 3)
  expect(sizes.slice(0, 3_000).every((size) => size * partsInFlight(size) <= 32 * mebibyte)).toBe(true)
  expect(partsInFlight(partSize(9_999))).toBe(1)
})
