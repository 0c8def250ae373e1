import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { inspect } from "node:util"
import { expect, onTestFinished, test } from "vitest"
import { readToken } from "../../../src/state/hercules/credentials.ts"
import { unprivileged } from "../support/unprivileged.ts"

const host = "hercules-ci.com"

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "alcides-credentials-"))
  await chmod(made, 0o755)
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

async function written(path: string, content: unknown): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}

async function everywhere(): Promise<Readonly<Record<string, string>>> {
  const home = await folder()
  await written(join(home, "config/hercules-ci/credentials.json"), {
    domains: { [host]: { personalToken: "personal" }, "other.example": { personalToken: "other" } },
  })
  const secrets = await written(join(home, "secrets.json"), {
    "hercules-ci": { kind: "Secret", data: { token: "of-the-effect" } },
    aws: { kind: "Secret", data: { key: "x" } },
  })
  return {
    HERCULES_CI_API_TOKEN: "from-the-environment",
    IN_HERCULES_CI_EFFECT: "true",
    HERCULES_CI_SECRETS_JSON: secrets,
    XDG_CONFIG_HOME: join(home, "config"),
  }
}

test("the environment's token wins, then the effect's, then the one of hci login for this host", async () => {
  const env = await everywhere()
  expect(await readToken({ env, host })).toBe("from-the-environment")
  const { HERCULES_CI_API_TOKEN: _, ...effect } = env
  expect(await readToken({ env: effect, host })).toBe("of-the-effect")
  expect(await readToken({ env: { ...env, HERCULES_CI_API_TOKEN: "" }, host })).toBe("of-the-effect")
  const { IN_HERCULES_CI_EFFECT: __, ...user } = effect
  expect(await readToken({ env: user, host })).toBe("personal")
  expect(await readToken({ env: { ...effect, IN_HERCULES_CI_EFFECT: "1" }, host })).toBe("personal")
  expect(await readToken({ env: user, host: "other.example" })).toBe("other")
})

test("without XDG_CONFIG_HOME it is looked for below the home folder", async () => {
  const HOME = await folder()
  await written(join(HOME, ".config/hercules-ci/credentials.json"), { domains: { [host]: { personalToken: "mine" } } })
  expect(await readToken({ env: { HOME }, host })).toBe("mine")
  expect(await readToken({ env: { HOME, XDG_CONFIG_HOME: "relative" }, host })).toBe("mine")
})

test("no token at all, or none for this host", async () => {
  const HOME = await folder()
  const path = join(HOME, ".config/hercules-ci/credentials.json")
  const missing = { code: "store-credentials-missing", exit: 2, hint: expect.stringContaining("hci login") }
  await expect(readToken({ env: { HOME }, host })).rejects.toMatchObject({
    ...missing,
    message: `there is no token for ${host}: HERCULES_CI_API_TOKEN is not set, and ${path} does not exist`,
  })
  await written(path, { domains: { "other.example": { personalToken: "secret-of-another" } } })
  for (const wanted of [host, "constructor", "__proto__"]) {
    await expect(readToken({ env: { HOME }, host: wanted })).rejects.toMatchObject({
      ...missing,
      message: expect.stringContaining(`${path} has none for ${wanted}`),
    })
  }
})

test.each([
  ["{", "is no JSON"],
  ['"s3cr3t"', "does not have the shape that hci writes (at its root)"],
  [{ domains: { [host]: "s3cr3t" } }, `does not have the shape that hci writes (at domains.${host})`],
  [
    { domains: { [host]: { token: "s3cr3t" } } },
    `does not have the shape that hci writes (at domains.${host}.personalToken)`,
  ],
  [{ domains: { [host]: { personalToken: "" } } }, "is empty"],
  [{ domains: { [host]: { personalToken: "s3cr3t\nEvil: yes" } } }, "has a character that no token has"],
])("credentials %j are malformed", async (content, what) => {
  const HOME = await folder()
  const path = await written(join(HOME, ".config/hercules-ci/credentials.json"), content)
  const error: unknown = await readToken({ env: { HOME }, host }).catch((error: unknown) => error)
  expect(error).toMatchObject({
    code: "store-credentials-malformed",
    exit: 2,
    message: expect.stringMatching(new RegExp(`${path} .*$`)),
  })
  expect(error).toMatchObject({ message: expect.stringContaining(what) })
  expect(inspect(error, { depth: 10 })).not.toContain("s3cr3t")
})

test.each([
  ["{", "is no JSON"],
  [{ aws: { data: {} } }, "does not have the shape that hci writes (at hercules-ci)"],
  [{ "hercules-ci": { data: { token: 7 } } }, "does not have the shape that hci writes (at hercules-ci.data.token)"],
])("inside an effect, secrets %j are malformed, and nothing else is looked for", async (content, what) => {
  const { HERCULES_CI_API_TOKEN: _, ...env } = await everywhere()
  const secrets = await written(join(await folder(), "secrets.json"), content)
  await expect(readToken({ env: { ...env, HERCULES_CI_SECRETS_JSON: secrets }, host })).rejects.toMatchObject({
    code: "store-credentials-malformed",
    exit: 2,
    message: `${secrets} ${what}`,
  })
})

test("secrets of an effect that are not there are no reason to look elsewhere", async () => {
  const { HERCULES_CI_API_TOKEN: _, ...env } = await everywhere()
  await expect(readToken({ env: { ...env, HERCULES_CI_SECRETS_JSON: "/nowhere" }, host })).rejects.toMatchObject({
    code: "store-credentials-malformed",
    message: "/nowhere does not exist, though HERCULES_CI_SECRETS_JSON names it",
  })
})

test("a file that may not be read is not taken for one that is not there", async () => {
  const HOME = await folder()
  const path = await written(join(HOME, ".config/hercules-ci/credentials.json"), "{}")
  await chmod(path, 0)
  await unprivileged(() =>
    expect(readToken({ env: { HOME }, host })).rejects.toMatchObject({
      code: "store-credentials-malformed",
      message: expect.stringContaining(`${path} cannot be read: permission denied`),
    }),
  )
})
