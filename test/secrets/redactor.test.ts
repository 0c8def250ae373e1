import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { canMask, spellingsOf } from "../../src/secrets/spellings.ts"

const password = "hunter2-Üß/+correct horse"

const key = [
  "-----BEGIN OPENSSH PRIVATE KEY-----",
  "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
  "QyNTUxOQAAACBkQ0Y5mWJx0sC2pV1yqJ7uC9w8l3m0Z4tYk6r5e1d2f3a4b5c6d7e8f9A0",
  "-----END OPENSSH PRIVATE KEY-----",
  "",
].join("\n")

function redactorOf(...values: readonly string[]) {
  const redactor = createRedactor()
  for (const value of values) redactor.add(value)
  return redactor
}

function throughStream(values: readonly string[], chunks: readonly string[]): string {
  const stream = redactorOf(...values).stream()
  return chunks.map((chunk) => stream.write(chunk)).join("") + stream.end()
}

function flat(text: string): string {
  return text.replace(/[\r\n]/g, "")
}

// Cuts a text into chunks at any places.
function cut(text: string, places: readonly number[]): readonly string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return at.slice(1).map((end, index) => text.slice(at[index], end))
}

// Puts line breaks into a text at any places.
function breakLines(text: string, places: readonly number[], lineBreak: string): string {
  return cut(text, places).join(lineBreak)
}

const places = fc.array(fc.nat(), { maxLength: 12 })
const lineBreaks = fc.constantFrom("\n", "\r\n")
const unit = fc.constantFrom("grapheme", "binary", "grapheme-ascii") satisfies fc.Arbitrary<string>
const texts = unit.chain((kind) => fc.string({ unit: kind, maxLength: 60 }))
// The mask itself is no leak.
const values = unit
  .chain((kind) => fc.string({ unit: kind, minLength: 4, maxLength: 60 }))
  .filter((value) => canMask(value) && !value.includes("*"))

describe("one text", () => {
  test.each([
    ["as it is", password],
    ["base64", Buffer.from(password).toString("base64")],
    ["base64 with a line end inside", Buffer.from(`${password}\n`).toString("base64")],
    ["base64url", Buffer.from(password).toString("base64url")],
    ["URI component", encodeURIComponent(password)],
    ["URI component, lower case", encodeURIComponent(password).replace(/%../g, (hex) => hex.toLowerCase())],
    ["form", new URLSearchParams({ p: password }).toString().slice(2)],
    ["JSON", JSON.stringify(password).slice(1, -1)],
    ["ASCII JSON", "hunter2-\\u00dc\\u00df/+correct horse"],
    ["JSON with escaped slashes", "hunter2-Üß\\/+correct horse"],
  ])("%s", (_, spelling) => {
    expect(redactorOf(password).redact(`a ${spelling} b`)).toBe("a *** b")
  })

  test("base64 of user:password keeps nothing of the password", () => {
    const header = `Authorization: Basic ${Buffer.from(`deploy:${password}`).toString("base64")}`
    expect(redactorOf(password).redact(header)).toBe("Authorization: Basic ZGVwbG95Om***")
    expect(redactorOf(password).redact(Buffer.from(`x:${password}\n`).toString("base64url"))).toBe("eDp***")
  })

  test("a quote inside a shell's trace", () => {
    expect(redactorOf("it's secret").redact("+ echo 'it'\\''s secret'")).toBe("+ echo '***'")
  })

  test("what Nix escapes", () => {
    expect(redactorOf("pa${ss}word").redact('"pa\\${ss}word"')).toBe('"***"')
  })

  test("what Go escapes in JSON", () => {
    expect(redactorOf("a<b>&c").redact("a\\u003cb\\u003e\\u0026c")).toBe("***")
  })

  test("overlapping secrets are masked whole", () => {
    expect(redactorOf("abcdef", "defghi").redact("-abcdefghi-")).toBe("-***-")
  })

  test("line breaks inside a masked run are kept", () => {
    expect(redactorOf(password).redact("a hunter2-Üß\r\n/+correct\n horse b\n")).toBe("a ***\r\n***\n*** b\n")
  })

  test("a whole key", () => {
    expect(redactorOf(key).redact(`before\n${key}after\n`)).toBe("before\n***\n***\n***\n***\nafter\n")
  })

  test("an indented key, line by line", () => {
    const indented = key.replace(/^/gm, "    ")
    expect(redactorOf(key).redact(indented)).toBe(
      "    -----BEGIN OPENSSH PRIVATE KEY-----\n    ***\n    ***\n    -----END OPENSSH PRIVATE KEY-----\n    ",
    )
  })

  test("space around a value does not count", () => {
    expect(redactorOf(" token-1234\n").redact("<token-1234>")).toBe("<***>")
  })

  test("a text that ends like the beginning of a secret is left", () => {
    expect(redactorOf("hunter22").redact("the hunt")).toBe("the hunt")
  })

  test("no secret, no change", () => {
    expect(createRedactor().redact("hunter2\n")).toBe("hunter2\n")
  })
})

describe("values that cannot be masked", () => {
  test.each(["", "abc", " abc ", "a\nb\nc", "     "])("%j", (value) => {
    expect(canMask(value)).toBe(false)
    expect(redactorOf(value).redact(`-${value}-`)).toBe(`-${value}-`)
  })

  test("four characters can", () => {
    expect(canMask("abcd")).toBe(true)
    expect(redactorOf("abcd").redact("xabcdx")).toBe("x***x")
  })
})

describe("a stream", () => {
  test("shows what is safe at once", () => {
    const stream = redactorOf("hunter2hunter2").stream()
    expect(stream.write("connecting...\n")).toBe("connecting...\n")
    expect(stream.write("the hunt")).toBe("the ")
    expect(stream.write("er\n")).toBe("")
    expect(stream.write("is over\n")).toBe("hunter\nis over\n")
  })

  test("does not hold back a line for one character that may begin a long secret", () => {
    const stream = redactorOf("hunter2hunter2").stream()
    expect(stream.write("oh\n")).toBe("oh\n")
    expect(stream.write("unter2hunter2!\n")).toBe("***!\n")
  })

  test("masks a secret that was cut short at the end", () => {
    expect(throughStream(["hunter2hunter2"], ["x hunter2"])).toBe("x ***")
    expect(throughStream(["hunter2hunter2"], ["x hunter"])).toBe("x hunter")
    expect(throughStream(["hunt"], ["x hun"])).toBe("x hun")
  })

  test("masks a shorter secret's beginning inside a longer one's", () => {
    expect(throughStream(["xx-aaaa-0123456789-0123456789", "aaaa-b"], ["xx-aaaa"])).toBe("xx-***")
  })

  test("knows a value from the moment it is added", () => {
    const redactor = createRedactor()
    const stream = redactor.stream()
    expect(stream.write("first-secret ")).toBe("first-secret ")
    redactor.add("first-secret")
    expect(stream.write("first-sec")).toBe("")
    redactor.add("second-secret")
    expect(stream.write("ret second-sec")).toBe("*** ")
    redactor.add("d-sec")
    expect(stream.end()).toBe("***")
  })

  test("goes on with a run that was begun before a value was added", () => {
    const redactor = redactorOf("abcdefgh", "ghijkl")
    const stream = redactor.stream()
    expect(stream.write("abcdefgh")).toBe("***")
    redactor.add("unrelated")
    expect(stream.write("ijk-")).toBe("ijk-")
    expect(stream.write("abcdefgh")).toBe("***")
    expect(stream.write("ijkl-")).toBe("-")
  })

  test("can be used again after its end", () => {
    const stream = redactorOf("hunter22").stream()
    expect(stream.write("hunter")).toBe("")
    expect(stream.end()).toBe("***")
    expect(stream.write("22 hunter22")).toBe("22 ***")
  })
})

describe("any secret", () => {
  test("never appears, however the text is cut into chunks and lines", () => {
    fc.assert(
      fc.property(
        values,
        texts,
        texts,
        places,
        places,
        lineBreaks,
        (value, before, after, lines, chunks, lineBreak) => {
          const planted = before + breakLines(value, lines, lineBreak) + after
          const output = throughStream([value], cut(planted, chunks))
          expect(flat(output)).not.toContain(flat(value.trim()))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test("never appears in base64 of a larger text, wrapped or not, in either alphabet", () => {
    fc.assert(
      fc.property(
        values,
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom<BufferEncoding>("base64", "base64url"),
        fc.nat({ max: 80 }),
        places,
        (value, before, after, encoding, column, chunks) => {
          const encoded = Buffer.concat([before, Buffer.from(value), after]).toString(encoding)
          const wrapped = column < 10 ? encoded : encoded.replace(new RegExp(`.{${column}}`, "g"), "$&\r\n")
          const output = flat(throughStream([value], cut(wrapped, chunks)))
          expect(output).toContain("***")
          for (const inside of [0, 1, 2].map((shift) => sureBase64(value.trim(), shift, encoding))) {
            expect(output).not.toContain(inside)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  test("never appears URL-encoded or JSON-escaped", () => {
    const encoders = [
      (text: string) => encodeURIComponent(text),
      (text: string) => encodeURIComponent(text).replace(/%../g, (hex) => hex.toLowerCase()),
      (text: string) => new URLSearchParams({ p: text }).toString().slice(2),
      (text: string) => JSON.stringify(text).slice(1, -1),
    ]
    fc.assert(
      fc.property(
        values.map((value) => Buffer.from(value).toString()),
        fc.constantFrom(...encoders),
        places,
        (value, encode, chunks) => {
          const output = throughStream([value], cut(`<${encode(value)}>`, chunks))
          expect(flat(output)).not.toContain(flat(encode(value.trim())))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test("is all that is masked: other text passes byte for byte", () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 5 }), texts, places, (secrets, text, chunks) => {
        const needles = secrets.flatMap((secret) => [...spellingsOf(secret)])
        fc.pre(needles.every((needle) => !flat(text).includes(needle)))
        expect(redactorOf(...secrets).redact(text)).toBe(text)
        // Only the very end may be taken for a secret cut short.
        const output = throughStream(secrets, cut(`${text}\u{1F511}`, chunks))
        fc.pre(needles.every((needle) => !needle.includes("\u{1F511}")))
        expect(output).toBe(`${text}\u{1F511}`)
      }),
      { numRuns: 1000 },
    )
  })

  test("is masked as the plain definition says, and in the same way for any chunks", () => {
    const small = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 4, maxLength: 8 })
    const smallText = fc.string({ unit: fc.constantFrom("a", "b", "c", "a", "b", "c", "\n"), maxLength: 60 })
    fc.assert(
      fc.property(fc.array(small, { minLength: 1, maxLength: 4 }), smallText, places, (secrets, text, chunks) => {
        expect(redactorOf(...secrets).redact(text)).toBe(plainlyMasked(secrets, text))
        const line = `${flat(text)}.`
        expect(throughStream(secrets, cut(line, chunks))).toBe(plainlyMasked(secrets, line))
      }),
      { numRuns: 2000 },
    )
  })
})

test("time grows with the text and not with its shape", () => {
  const redactor = redactorOf("a".repeat(4000) + "b", key)
  const started = performance.now()
  redactor.redact("a".repeat(2_000_000))
  expect(performance.now() - started).toBeLessThan(5000)
})

// The base64 characters of a value that no neighbour has a share in.
function sureBase64(value: string, shift: number, encoding: BufferEncoding): string {
  const bits = (shift + Buffer.byteLength(value)) * 8
  const encoded = Buffer.from("\0".repeat(shift) + value).toString(encoding)
  return encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(bits / 6))
}

function plainlyMasked(secrets: readonly string[], text: string): string {
  const characters = flat(text)
  const masked = new Set<number>()
  for (const needle of secrets.flatMap((secret) => [...spellingsOf(secret)])) {
    for (let at = characters.indexOf(needle); at !== -1; at = characters.indexOf(needle, at + 1)) {
      for (let offset = 0; offset < needle.length; offset += 1) masked.add(at + offset)
    }
  }
  let at = 0
  const marked = [...text].map((char) => (char === "\n" ? char : masked.has(at++) ? "*" : char)).join("")
  return marked.replace(/\*+/g, "***")
}
