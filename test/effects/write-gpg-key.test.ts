import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { writeGPGKey } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

// Short, because gpg-agent puts a socket there.
const gnupg = mkdtempSync("/tmp/gpg-")
let privateKey = ""
let publicKey = ""
let made: TestContext | undefined

function gpg(...args: readonly string[]): string {
  return execFileSync("gpg", ["--batch", "--quiet", ...args], {
    env: { ...process.env, GNUPGHOME: gnupg },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  })
}

beforeAll(() => {
  gpg("--passphrase", "", "--quick-generate-key", "Deployer <deploy@example.com>", "ed25519", "sign", "never")
  privateKey = gpg("--armor", "--export-secret-keys")
  publicKey = gpg("--armor", "--export")
})
afterAll(() => {
  execFileSync("gpgconf", ["--kill", "all"], { env: { ...process.env, GNUPGHOME: gnupg } })
  rmSync(gnupg, { recursive: true })
})
afterEach(async () => {
  const agent = made
  made = undefined
  if (agent?.env["GNUPGHOME"] !== undefined) await agent.context.run("gpgconf", ["--kill", "all"])
  await agent?.remove()
})

async function contextOf(secrets: Parameters<typeof createEffectContext>[0]): Promise<TestContext> {
  made = await createEffectContext(secrets)
  return made
}

describe("writeGPGKey", () => {
  test("gives a key to sign with, trusted ultimately", async () => {
    const { context, lines } = await contextOf({ gpg: { privateKey } })
    await writeGPGKey().run(context)
    const listed = await context.run("gpg", ["--batch", "--with-colons", "--list-secret-keys"], { output: "quiet" })
    expect(listed.stdout).toMatch(/^sec:u:/m)
    const signed = await context.run("gpg", ["--batch", "--armor", "--clear-sign"], {
      input: "hello\n",
      output: "quiet",
    })
    expect(signed.stdout).toContain("BEGIN PGP SIGNATURE")
    expect(lines.join("\n")).not.toContain(privateKey.split("\n")[3])
  })

  test("keeps away from the runner's own agent", async () => {
    const { context, env } = await contextOf({ gpg: { privateKey } })
    const socketOf = async (): Promise<string> => {
      const { stdout } = await context.run("gpgconf", ["--list-dirs", "agent-socket"], { output: "quiet" })
      return stdout.trim()
    }
    const before = await socketOf()
    await writeGPGKey().run(context)
    expect(env["GNUPGHOME"]).toBe(join(context.home, ".gnupg-private"))
    expect(await socketOf()).not.toBe(before)
  })

  test.each([
    "garbage",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----",
    "public",
  ])("%j is no private key", async (text) => {
    const { context } = await contextOf({ signing: { privateKey: text === "public" ? publicKey : text } })
    await expect(writeGPGKey("signing").run(context)).rejects.toMatchObject({
      code: "gpg-key-unusable",
      exit: 1,
      message: 'secret "signing": gpg finds no private key in privateKey',
      hint: "export it with: gpg --armor --export-secret-keys KEY",
    })
  })

  test("an empty key is an error", async () => {
    const { context } = await contextOf({ gpg: { privateKey: "" } })
    await expect(writeGPGKey().run(context)).rejects.toMatchObject({
      code: "secret-field-missing",
      message: 'secret "gpg": field privateKey is empty',
    })
  })
})
