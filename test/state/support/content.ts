/** Text as the content of a state file, in small chunks. */
export async function* bytes(text: string, chunk = 7): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text)
  for (let start = 0; start < all.length; start += chunk) yield all.subarray(start, start + chunk)
}

/** The whole content as text. */
export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
