import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { generateHybridIdentity } from "age-encryption"
import * as fc from "fast-check"
import { afterAll, expect, test } from "vitest"
import { ageEncryption } from "../../../src/state/encryption/age.ts"
import { isAgeFile, peekAgeFile } from "../../../src/state/encryption/age-file.ts"
import { encryptionFor, keyPair, type KeyPair } from "../support/age.ts"
import { bytes } from "../support/content.ts"

const [alice, bob, eve] = await Promise.all([keyPair(), keyPair(), keyPair()])
const quantum = await keyPair(generateHybridIdentity)
const chunk = 64 * 1024
const about = { where: "version 3 of a.json", recipients: [alice.recipient] }

const folder = mkdtempSync(join(tmpdir(), "alcides-age-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function* inPieces(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += size) yield content.subarray(start, start + size)
}

async function whole(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks = []
  for await (const piece of content) chunks.push(piece)
  return Buffer.concat(chunks)
}

async function sealed(content: Uint8Array, ...recipients: readonly KeyPair[]): Promise<Buffer> {
  return whole((await encryptionFor({ recipients })).encrypt(inPieces(content, chunk)))
}

async function opened(file: Uint8Array, identity: KeyPair, piece = chunk): Promise<Buffer> {
  return whole((await encryptionFor({ identities: [identity] })).decrypt(inPieces(file, piece), about))
}

function patterned(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 255))
}

// Debian's own program.
function age(args: readonly string[], input: Uint8Array): Buffer {
  return execFileSync("age", args, { input, stdio: ["pipe", "pipe", "pipe"], maxBuffer: 16 * 1024 * 1024 })
}

function identityFile({ identity }: KeyPair): string {
  const path = join(folder, `${identity.slice(-12)}.txt`)
  writeFileSync(path, `# a key\n${identity}\n`, { mode: 0o600 })
  return path
}

const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 17]

test.each(sizes)("%d bytes: the age program reads what we encrypt, and we what it encrypts", async (size) => {
  const content = patterned(size)
  const ours = await sealed(content, alice, bob)
  expect(age(["-d", "-i", identityFile(alice)], ours).equals(content)).toBe(true)
  expect(age(["-d", "-i", identityFile(bob)], ours).equals(content)).toBe(true)
  expect(() => age(["-d", "-i", identityFile(eve)], ours)).toThrow(/no identity matched/)

  const theirs = age(["-r", bob.recipient, "-r", alice.recipient], content)
  expect((await opened(theirs, alice)).equals(content)).toBe(true)
  expect((await opened(theirs, bob, 1000)).equals(content)).toBe(true)
})

test("whatever the content and however it comes in pieces, it comes back; and it is not in the file", async () => {
  const encryption = await encryptionFor({ recipients: [alice], identities: [bob, alice] })
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 12, maxLength: 5000 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 3000 }),
      async (content, written, read) => {
        const file = await whole(encryption.encrypt(inPieces(content, written)))
        expect(file.includes(Buffer.from(content))).toBe(false)
        expect((await whole(encryption.decrypt(inPieces(file, read), about))).equals(content)).toBe(true)
      },
    ),
    { numRuns: 50 },
  )
})

test("post-quantum keys work, alone and beside others", async () => {
  const content = patterned(100)
  for (const recipients of [[quantum], [alice, quantum]]) {
    const file = await sealed(content, ...recipients)
    expect((await opened(file, quantum)).equals(content)).toBe(true)
  }
})

test("the same content is never the same file twice", async () => {
  const content = patterned(100)
  expect((await sealed(content, alice)).equals(await sealed(content, alice))).toBe(false)
})

test("a missing identity is told, with those who could read it", async () => {
  const file = await sealed(patterned(10), alice)
  const failure = {
    code: "state-identity-missing",
    exit: 1,
    message: `version 3 of a.json is encrypted, and no identity here can read it; it is for ${alice.recipient}`,
    hint: expect.stringContaining("ALCIDES_AGE_IDENTITY_FILE"),
  }
  await expect(opened(file, eve)).rejects.toMatchObject(failure)
  const nobody = await encryptionFor({})
  await expect(whole(nobody.decrypt(inPieces(file, chunk), about))).rejects.toMatchObject(failure)
  const unknown = nobody.decrypt(inPieces(file, chunk), { where: "kept.age", recipients: [] })
  await expect(whole(unknown)).rejects.toMatchObject({
    message: "kept.age is encrypted, and no identity here can read it",
  })
  const hostile = nobody.decrypt(inPieces(file, chunk), { where: "x", recipients: ["a\n\u001b[2J", quantum.recipient] })
  const shown = `it is for "a\\n\\u001b[2J", ${quantum.recipient.slice(0, 20)}…${quantum.recipient.slice(-8)}`
  await expect(whole(hostile)).rejects.toMatchObject({ message: expect.stringContaining(shown) })
})

test("a damaged file is told from one for others, and no byte of a damaged chunk comes out", async () => {
  const content = patterned(2 * chunk + 100)
  const file = await sealed(content, alice)
  const header = file.indexOf("\n--- ") + 49
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(file)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  const damaged: Readonly<Record<string, readonly [Uint8Array, number]>> = {
    nothing: [Buffer.alloc(0), 0],
    "no age file": [Buffer.from('{"machines": {}}'), 0],
    "a header without an end": [file.subarray(0, header - 5), 0],
    "another version": [Buffer.concat([Buffer.from("age-encryption.org/v9"), file.subarray(21)]), 0],
    "a bit of the MAC": [flipped(header - 10), 0],
    "a bit of the nonce": [flipped(header + 3), 0],
    "the header alone": [file.subarray(0, header), 0],
    "half a nonce": [file.subarray(0, header + 8), 0],
    "a bit of the first chunk": [flipped(header + 16 + 5), 0],
    "a bit of the second chunk": [flipped(header + 16 + chunk + 16 + 5), chunk],
    "a bit of the last tag": [flipped(file.byteLength - 1), 2 * chunk],
    "cut within a chunk": [file.subarray(0, -1), 2 * chunk],
    "cut between chunks": [file.subarray(0, header + 16 + 2 * (chunk + 16)), chunk],
    "chunks in another order": [
      Buffer.concat([
        file.subarray(0, header + 16),
        file.subarray(header + 16 + chunk + 16, header + 16 + 2 * (chunk + 16)),
        file.subarray(header + 16, header + 16 + chunk + 16),
        file.subarray(header + 16 + 2 * (chunk + 16)),
      ]),
      0,
    ],
    "a chunk left out": [
      Buffer.concat([file.subarray(0, header + 16 + chunk + 16), file.subarray(header + 16 + 2 * (chunk + 16))]),
      chunk,
    ],
    "one byte appended": [Buffer.concat([file, Buffer.alloc(1)]), 2 * chunk],
    "itself appended": [Buffer.concat([file, file]), 2 * chunk],
    "something appended": [Buffer.concat([file, Buffer.alloc(chunk)]), 2 * chunk],
  }
  const encryption = await encryptionFor({ identities: [alice] })
  for (const [what, [bad, most]] of Object.entries(damaged)) {
    const got: Uint8Array[] = []
    const read = async (): Promise<void> => {
      for await (const piece of encryption.decrypt(inPieces(bad, 999), about)) got.push(piece)
    }
    await expect(read(), what).rejects.toMatchObject({
      code: "state-content-undecryptable",
      exit: 1,
      message: expect.stringContaining("version 3 of a.json cannot be decrypted: "),
    })
    const out = Buffer.concat(got)
    expect([what, out.byteLength]).toEqual([what, most])
    expect(content.subarray(0, most).equals(out), what).toBe(true)
  }
})

test("what the source says passes as it is, and the source hears when nobody reads on", async () => {
  const encryption = await encryptionFor({ recipients: [alice], identities: [alice] })
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x")
    throw new Error("the disk is on fire")
  }
  await expect(whole(encryption.encrypt(failing()))).rejects.toThrow("the disk is on fire")
  await expect(whole(encryption.decrypt(failing(), about))).rejects.toThrow("the disk is on fire")

  const file = await sealed(patterned(5 * chunk), alice)
  for (const identity of [alice, eve]) {
    let closed = 0
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(file, 1000)
      } finally {
        closed += 1
      }
    }
    const reader = (await encryptionFor({ identities: [identity] })).decrypt(watched(), about)
    const read = async (): Promise<void> => {
      for await (const _ of reader) break
    }
    await read().catch(() => {})
    expect(closed).toBe(1)
  }
})

test("content in clear where an age file was expected is not quoted", async () => {
  const encryption = await encryptionFor({ identities: [alice] })
  const read = whole(encryption.decrypt(bytes('{"password":"hunter2hunter2"}\n'), about))
  const error: unknown = await read.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ message: "version 3 of a.json cannot be decrypted: it is no age file" })
  expect(inspect(error, { depth: 5 })).not.toContain("hunter2")
})

test("nothing is read far ahead of its reader, and a header without an end is not read to the end", async () => {
  const encryption = await encryptionFor({ recipients: [alice], identities: [alice] })
  const file = await sealed(patterned(64 * chunk), alice)
  let sent = 0
  const counted = async function* (content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of content) {
      sent += piece.byteLength
      yield piece
    }
  }
  const ways = [
    encryption.encrypt(counted(inPieces(patterned(64 * chunk), chunk))),
    encryption.decrypt(counted(inPieces(file, chunk)), about),
  ]
  for (const way of ways) {
    sent = 0
    let got = 0
    for await (const piece of way) {
      got += piece.byteLength
      expect(sent - got).toBeLessThan(8 * chunk)
    }
    expect(got).toBeGreaterThanOrEqual(64 * chunk)
  }

  sent = 0
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("age-encryption.org/v1\n-> X25519 ")
    for (let left = 100; left > 0; left -= 1) yield Buffer.alloc(chunk, "a")
  }
  await expect(whole(encryption.decrypt(counted(endless()), about))).rejects.toMatchObject({
    code: "state-content-undecryptable",
  })
  expect(sent).toBeLessThan(20 * chunk)
})

test.each([
  ["age1qqqq", "a public key that is mistyped or in the wrong place"],
  ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPCY", "an ssh key, which only the age program can use"],
  ["AGE-SECRET-KEY-1PLANTEDVALUE", "a secret identity that is mistyped or in the wrong place"],
  ["AGE-PLUGIN-YUBIKEY-1QQQQ", "an identity of an age plugin, which only the age program can use"],
  ["-----BEGIN AGE ENCRYPTED FILE-----", "an encrypted file"],
  ["hunter2", "something else"],
])("%s is neither recipient nor identity, and is not shown", async (text, kind) => {
  const key = { text, where: "keys.txt:3" }
  const recipient = ageEncryption({ recipients: [key], identities: [] })
  await expect(recipient).rejects.toMatchObject({
    code: "age-recipient-invalid",
    exit: 2,
    message: `keys.txt:3: this is ${kind}, not an age recipient`,
  })
  const identity = ageEncryption({ recipients: [], identities: [key] })
  await expect(identity).rejects.toMatchObject({
    code: "age-identity-invalid",
    exit: 2,
    message: `keys.txt:3: this is ${kind}, not an age identity`,
  })
  for (const failed of [recipient, identity]) {
    const error: unknown = await failed.catch((thrown: unknown) => thrown)
    expect(inspect(error, { depth: 5 })).not.toContain(text)
    expect(error).not.toHaveProperty("cause")
  }
})

test("it says for whom it encrypts, each once, and whose identities it has", async () => {
  const encryption = await encryptionFor({ recipients: [alice, bob, alice], identities: [eve, quantum] })
  expect(encryption.recipients).toEqual([alice.recipient, bob.recipient])
  expect(await encryption.identities()).toEqual([eve.recipient, quantum.recipient])
  const nobody = await encryptionFor({ identities: [eve] })
  await expect(whole(nobody.encrypt(bytes("x")))).rejects.toThrow("there is nobody to encrypt for")
})

test("an age file is known by its beginning, without losing any of it", async () => {
  const file = await sealed(patterned(100), alice)
  expect(isAgeFile(file)).toBe(true)
  expect(isAgeFile(file.subarray(0, 21))).toBe(false)
  for (const [content, isAge] of [
    [file, true],
    [Buffer.from("{}"), false],
    [Buffer.alloc(0), false],
    [patterned(1000), false],
  ] as const) {
    const peeked = await peekAgeFile(inPieces(content, 7))
    expect(peeked.isAge).toBe(isAge)
    expect((await whole(peeked.content)).equals(content)).toBe(true)
  }
})
