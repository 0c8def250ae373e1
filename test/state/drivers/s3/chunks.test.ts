import { PassThrough, Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, it } from "vitest"
import { chunksOf } from "../../../../src/state/drivers/s3/chunks.ts"

async function collect(stream: Readable): Promise<string[]> {
  const all = []
  for await (const chunk of chunksOf(stream)) all.push(Buffer.from(chunk).toString())
  return all
}

it("gives each piece as it came, in order", async () => {
  const stream = new PassThrough()
  for (const piece of ["a", "b", "c"]) stream.write(piece)
  const collected = collect(stream)
  await sleep(5)
  stream.write("d")
  stream.end("e")
  expect(await collected).toEqual(["a", "b", "c", "d", "e"])
})

it("gives nothing of an empty stream", async () => {
  expect(await collect(Readable.from([]))).toEqual([])
})

it("gives what came before an error, and then the error", async () => {
  const stream = new PassThrough()
  const iterator = chunksOf(stream)
  stream.write("a")
  expect((await iterator.next()).value?.toString()).toBe("a")
  stream.write("b")
  await sleep(1)
  stream.destroy(new Error("cut"))
  expect((await iterator.next()).value?.toString()).toBe("b")
  await expect(iterator.next()).rejects.toThrow("cut")
})

it("tells a stream that is closed before its end from one that ended", async () => {
  const stream = new PassThrough()
  const collected = collect(stream)
  stream.write("a")
  await sleep(1)
  stream.destroy()
  await expect(collected).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" })
})

it("does not read far ahead of whoever reads, and goes on with them", async () => {
  const size = 64 * 1024
  let made = 0
  const stream = new Readable({
    highWaterMark: size,
    read() {
      made += 1
      this.push(made > 100 ? null : Buffer.alloc(size))
    },
  })
  const iterator = chunksOf(stream)
  await iterator.next()
  await sleep(20)
  expect(made).toBeLessThan(20)
  let read = 1
  for await (const chunk of iterator) read += chunk.byteLength / size
  expect(read).toBe(100)
})

it("ends the stream when nobody reads on", async () => {
  const stream = new PassThrough()
  stream.write("a")
  for await (const _ of chunksOf(stream)) break
  expect(stream.destroyed).toBe(true)
})
