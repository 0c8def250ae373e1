import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { readFile, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { writeSSHKey } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

const folder = mkdtempSync(join(tmpdir(), "ssh-key-"))
let key = { privateKey: "", publicKey: "" }
let locked = ""
let made: TestContext | undefined

beforeAll(() => {
  const make = (name: string, passphrase: string): { privateKey: string; publicKey: string } => {
    const path = join(folder, name)
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", "deploy@ci", "-f", path])
    return { privateKey: readFileSync(path, "utf8"), publicKey: readFileSync(`${path}.pub`, "utf8").trim() }
  }
  key = make("open", "")
  locked = make("locked", "passphrase").privateKey
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => made?.remove())

async function contextOf(secrets: Parameters<typeof createEffectContext>[0]): Promise<TestContext> {
  made = await createEffectContext(secrets)
  return made
}

describe("writeSSHKey", () => {
  test("derives the public key", async () => {
    const { context, lines } = await contextOf({ ssh: { privateKey: key.privateKey } })
    await writeSSHKey().run(context)
    const path = join(context.home, ".ssh/id_rsa")
    expect(await readFile(path, "utf8")).toBe(key.privateKey)
    expect(await readFile(`${path}.pub`, "utf8")).toBe(`${key.publicKey}\n`)
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600")
    expect(((await stat(join(context.home, ".ssh"))).mode & 0o777).toString(8)).toBe("700")
    expect(lines).toEqual([])
  })

  test("keeps the public key that the secret has", async () => {
    const { context } = await contextOf({ deploy: { ...key, publicKey: "ssh-ed25519 AAAA mine\n" } })
    await writeSSHKey("deploy", "~/keys/deploy").run(context)
    expect(await readFile(join(context.home, "keys/deploy.pub"), "utf8")).toBe("ssh-ed25519 AAAA mine\n")
  })

  test("mends what editors and secret stores do to a key", async () => {
    const { context } = await contextOf({ ssh: { privateKey: key.privateKey.trim().replaceAll("\n", "\r\n") } })
    await writeSSHKey().run(context)
    expect(await readFile(join(context.home, ".ssh/id_rsa"), "utf8")).toBe(key.privateKey)
  })

  test("a key that ssh cannot use is noticed now, and not shown", async () => {
    for (const privateKey of ["no key at all", locked, key.privateKey.slice(0, 200)]) {
      const { context, lines } = await contextOf({ ssh: { privateKey, publicKey: key.publicKey } })
      await expect(writeSSHKey().run(context)).rejects.toMatchObject({
        code: "ssh-key-unusable",
        exit: 1,
        message: 'secret "ssh": ssh-keygen cannot read privateKey',
        hint: "it must be a whole private key, line breaks included, and without a passphrase",
      })
      expect(lines.join("\n")).not.toContain(privateKey.slice(50, 80) || "no key")
      await made?.remove()
    }
  })

  test("a missing key is an error", async () => {
    const { context } = await contextOf({ ssh: { publicKey: key.publicKey } })
    await expect(writeSSHKey().run(context)).rejects.toMatchObject({
      code: "secret-field-missing",
      message: 'secret "ssh": field privateKey is missing',
    })
  })

  test.each(["/etc/ssh/key", "../key", "~/../key", "~", "."])("%s is not inside the private HOME", async (file) => {
    const { context } = await contextOf({ ssh: key })
    await expect(writeSSHKey("ssh", file).run(context)).rejects.toMatchObject({
      code: "path-outside-home",
      exit: 2,
      message: `${JSON.stringify(file)} is not inside the effect's private HOME`,
      hint: "write a path such as ~/.ssh/id_rsa; the private HOME is removed when the effect ends",
    })
  })
})
