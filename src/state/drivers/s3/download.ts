import { Readable } from "node:stream"
import { contentRemoved } from "../../content.ts"
import { storeDamaged } from "../../failures.ts"
import { chunksOf } from "./chunks.ts"
import { failureOf, unusable, type Failure } from "./failures.ts"
import { patience } from "./patience.ts"
import type { S3Requests } from "./requests.ts"

type Answer = {
  readonly body: AsyncIterable<Uint8Array>
  readonly length: number | undefined
  readonly etag: string | undefined
}

/** Opens an object; `undefined` when it is not there. A connection that breaks on the way is taken up again where it broke. */
export async function download(requests: S3Requests, key: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { bucket: Bucket, prefix } = requests.place
  const Key = prefix + key
  const where = `s3://${Bucket}/${Key}`
  const step = { name: "get blob", key }

  const open = async (from = 0, etag?: string): Promise<Answer | undefined> => {
    const Range = from === 0 ? undefined : `bytes=${from}-`
    const answer = await requests.find(step, ({ sdk, client }) =>
      client.send(new sdk.GetObjectCommand({ Bucket, Key, Range })),
    )
    if (answer === undefined) return undefined
    const { Body, ContentLength, ContentRange, ETag } = answer
    if (!(Body instanceof Readable)) throw requests.error(unusable("no body"), step)
    const isSame = etag === undefined || ETag === etag
    const goesOn = from === 0 || ContentRange?.startsWith(`bytes ${from}-`) === true
    if (isSame && goesOn) return { body: chunksOf(Body), length: ContentLength, etag: ETag }
    // What is open and never read holds a connection.
    Body.destroy()
    if (!isSame) throw storeDamaged({ where, what: "was replaced while it was read" })
    throw requests.error(unusable("another range than was asked for"), step)
  }

  const first = await open()
  return first === undefined ? undefined : read(first)

  async function* read({ body, length, etag }: Answer): AsyncGenerator<Uint8Array> {
    let from = 0
    let answer = body
    let pace = patience()
    for (;;) {
      let failure: Failure = unusable("an answer that ends too soon")
      try {
        for await (const chunk of answer) {
          from += chunk.byteLength
          yield chunk
          // Whoever reads may take their time, which is no attempt of ours.
          pace = patience()
        }
        if (length === undefined || from >= length) return
      } catch (thrown) {
        failure = failureOf(thrown)
      }
      if (from === length) return
      if (!(await pace.another(failure))) throw requests.error(failure, step)
      const next = await open(from, etag)
      if (next === undefined) throw contentRemoved(where)
      answer = next.body
    }
  }
}
