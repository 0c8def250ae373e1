import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { chooseEncryption, type EncryptionChoice } from "../../../src/state/encryption/choose-encryption.ts"
import { keyPair } from "../support/age.ts"

const [alice, bob, carol] = await Promise.all([keyPair(), keyPair(), keyPair()])
const cwd = await mkdtemp(join(tmpdir(), "alcides-keys-"))
afterAll(() => rm(cwd, { recursive: true, force: true }))

const choose = (choice: Partial<EncryptionChoice>) => chooseEncryption({ env: {}, cwd, ...choice })

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  await writeFile(join(cwd, name), text)
  await chmod(join(cwd, name), mode)
  return name
}

test("nothing said is no encryption, and empty identities say nothing", async () => {
  expect(await choose({})).toBeUndefined()
  expect(await choose({ env: { ALCIDES_AGE_IDENTITY: "\n", ALCIDES_AGE_IDENTITY_FILE: "" } })).toBeUndefined()
})

test.each(["ALCIDES_AGE_RECIPIENTS", "ALCIDES_AGE_RECIPIENTS_FILE"])(
  "an empty %s is the setting of a CI that is missing: nothing goes in clear unnoticed",
  async (name) => {
    const env = { [name]: "" }
    await expect(choose({ env })).rejects.toMatchObject({
      code: "age-keys-missing",
      message: `${name}: there is no key`,
      hint: "write one age key a line, as `age-keygen` does, or take the setting away",
      exit: 2,
    })
    const configured = [{ text: bob.recipient, where: "ci.ts: encryption.recipients[0]" }]
    expect((await choose({ env, configured }))?.recipients).toEqual([bob.recipient])
    expect((await choose({ env, recipients: [alice.recipient] }))?.recipients).toEqual([alice.recipient])
  },
)

test("recipients come from the flags, else from the environment, else from the pipeline file", async () => {
  const path = await file("recipients.txt", `# the team\n${carol.recipient}\r\n\n  # nobody else\n`)
  const configured = [{ text: bob.recipient, where: "ci.ts: encryption.recipients[0]" }]
  const env = {
    ALCIDES_AGE_RECIPIENTS: ` ${alice.recipient},\n${bob.recipient} `,
    ALCIDES_AGE_RECIPIENTS_FILE: path,
  }
  expect((await choose({ configured }))?.recipients).toEqual([bob.recipient])
  expect((await choose({ configured, env }))?.recipients).toEqual([alice.recipient, bob.recipient, carol.recipient])
  const flags = { recipients: [carol.recipient, `${alice.recipient} ${bob.recipient}`] }
  expect((await choose({ configured, env, ...flags }))?.recipients).toEqual([
    carol.recipient,
    alice.recipient,
    bob.recipient,
  ])
})

test("identities are gathered from everywhere, and each is masked", async () => {
  const flag = await file("flag.txt", `# created: 2026\n# public key: ${alice.recipient}\n${alice.identity}\n`)
  const variable = await file("variable.txt", `${bob.identity}\n${bob.identity}\n`)
  const masked = new Set<string>()
  const env = { ALCIDES_AGE_IDENTITY: `# a comment\n${carol.identity}\n`, ALCIDES_AGE_IDENTITY_FILE: variable }
  const encryption = await choose({ env, identities: [flag], mask: (value) => masked.add(value) })
  expect(encryption?.recipients).toEqual([])
  expect(new Set(await encryption?.identities())).toEqual(new Set([alice.recipient, bob.recipient, carol.recipient]))
  expect(masked).toEqual(new Set([alice.identity, bob.identity, carol.identity]))
})

test.each([
  ["ALCIDES_AGE_RECIPIENTS", { ALCIDES_AGE_RECIPIENTS: "age1x" }, "age-recipient-invalid", "ALCIDES_AGE_RECIPIENTS: "],
  [
    "one of several",
    { ALCIDES_AGE_RECIPIENTS: `${alice.recipient}, age1x` },
    "age-recipient-invalid",
    "ALCIDES_AGE_RECIPIENTS, key 2: ",
  ],
  [
    "a list of nothing",
    { ALCIDES_AGE_RECIPIENTS: " , " },
    "age-keys-missing",
    "ALCIDES_AGE_RECIPIENTS: there is no key",
  ],
  ["an empty file", { ALCIDES_AGE_RECIPIENTS_FILE: "empty.txt" }, "age-keys-missing", "empty.txt: there is no key"],
  ["a line of a file", { ALCIDES_AGE_RECIPIENTS_FILE: "bad.txt" }, "age-recipient-invalid", "bad.txt:3: "],
  [
    "no file",
    { ALCIDES_AGE_RECIPIENTS_FILE: "none.txt" },
    "age-keys-not-readable",
    "the age keys in none.txt cannot be read: it does not exist",
  ],
  [
    "an identity that is none",
    { ALCIDES_AGE_IDENTITY: "\nhunter2-planted" },
    "age-identity-invalid",
    "ALCIDES_AGE_IDENTITY:2: ",
  ],
  [
    "a public key as identity",
    { ALCIDES_AGE_IDENTITY_FILE: "bad.txt" },
    "age-identity-invalid",
    "bad.txt:2: this is a public key",
  ],
  ["no identity file", { ALCIDES_AGE_IDENTITY_FILE: "none.txt" }, "age-keys-not-readable", "none.txt"],
  [
    "an exposed identity file",
    { ALCIDES_AGE_IDENTITY_FILE: "exposed.txt" },
    "age-identity-exposed",
    "exposed.txt holds secret keys, and others can read it (mode 0644)",
  ],
])("%s is told with its place, and without the key", async (_, env, code, message) => {
  await file("empty.txt", "# nobody yet\n")
  await file("bad.txt", `# two\n${alice.recipient}\nage1hunter2-planted\n`)
  await file("exposed.txt", alice.identity, 0o644)
  const masked: string[] = []
  const failure: unknown = await choose({ env, mask: (value) => masked.push(value) }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code, exit: 2, message: expect.stringContaining(message) })
  expect(JSON.stringify(failure) + String(failure)).not.toMatch(/hunter2|AGE-SECRET-KEY-1/)
  if ("ALCIDES_AGE_IDENTITY" in env) expect(masked).toEqual(["hunter2-planted"])
})

test("an identity file that others may read is refused also when a flag names it", async () => {
  await expect(choose({ identities: [await file("group.txt", alice.identity, 0o640)] })).rejects.toMatchObject({
    code: "age-identity-exposed",
    hint: "chmod 600 group.txt",
  })
})
