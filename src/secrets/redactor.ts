// placeholder replaced by its owner
export interface Redactor {
  /** Masks this value, and its base64, URL-encoded and JSON-escaped spellings, from now on. */
  add(value: string): void
  /** Masks what is known in one complete text. */
  redact(text: string): string
  /** A streaming mask: `write` returns what is safe to show now, `end` returns the rest. */
  stream(): RedactingStream
}

export interface RedactingStream {
  write(chunk: string): string
  end(): string
}
