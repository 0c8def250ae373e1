import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { writeGitToken } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

let made: TestContext | undefined

afterEach(() => made?.remove())

async function contextOf(secrets: Parameters<typeof createEffectContext>[0]): Promise<TestContext> {
  made = await createEffectContext(secrets)
  return made
}

// What git itself would send to this host.
async function credentialsFor({ context }: TestContext, host: string): Promise<Record<string, string>> {
  const { stdout } = await context.run("git", ["credential", "fill"], {
    input: `protocol=https\nhost=${host}\n\n`,
    output: "quiet",
    success: [0, 128],
  })
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2) as [string, string]),
  )
}

describe("writeGitToken", () => {
  test("git finds the token", async () => {
    const test = await contextOf({ git: { token: "ghs_a/b:c@d%" } })
    await writeGitToken("git").run(test.context)
    expect(await credentialsFor(test, "github.com")).toMatchObject({
      username: "x-access-token",
      password: "ghs_a/b:c@d%",
    })
    expect(await credentialsFor(test, "gitlab.com")).not.toHaveProperty("password")
    expect(test.lines.join("\n")).not.toContain("ghs_")
    const mode = (await stat(join(test.context.home, ".git-credentials"))).mode & 0o777
    expect(mode.toString(8)).toBe("600")
  })

  test("several hosts, each with its own", async () => {
    const test = await contextOf({ a: { token: "token-a" }, b: { token: "token-b\n" } })
    await writeGitToken("a", { host: "git.example.com:3000", user: "deploy" }).run(test.context)
    await writeGitToken("b", { host: "gitlab.com", user: "oauth2" }).run(test.context)
    await writeGitToken("b", { host: "gitlab.com", user: "oauth2" }).run(test.context)
    expect(await credentialsFor(test, "git.example.com:3000")).toMatchObject({
      username: "deploy",
      password: "token-a",
    })
    expect(await credentialsFor(test, "gitlab.com")).toMatchObject({ username: "oauth2", password: "token-b" })
    await expect(stat(join(test.context.home, ".config/nix/nix.conf"))).rejects.toThrow("ENOENT")
  })

  test("Nix finds the token", async () => {
    const { context } = await contextOf({ git: { token: "ghs_token" } })
    await writeGitToken("git").run(context)
    const conf = join(context.home, ".config/nix/nix.conf")
    expect(await readFile(conf, "utf8")).toBe("extra-access-tokens = github.com=ghs_token\n")
    expect(((await stat(conf)).mode & 0o777).toString(8)).toBe("600")
    // The command had another name before Nix 2.20.
    const show = (...command: readonly string[]) =>
      context.run("nix", ["--extra-experimental-features", "nix-command", ...command], {
        output: "quiet",
        success: [0, 1],
      })
    const [now, before] = [await show("config", "show"), await show("show-config")]
    expect(now.stdout + before.stdout).toMatch(/^access-tokens = github\.com=ghs_token$/m)
  })

  test("Nix is left alone on demand", async () => {
    const { context } = await contextOf({ git: { token: "ghs_token" } })
    await writeGitToken("git", { nix: false }).run(context)
    await expect(stat(join(context.home, ".config/nix/nix.conf"))).rejects.toThrow("ENOENT")
  })

  test("an empty token is an error", async () => {
    const { context } = await contextOf({ git: { token: "" } })
    await expect(writeGitToken("git").run(context)).rejects.toMatchObject({
      code: "secret-field-missing",
      message: 'secret "git": field token is empty',
    })
  })

  test.each(["https://github.com", "", "a b", "host:port", "a\nb"])("%j is no host", (host) => {
    expect(() => writeGitToken("git", { host })).toThrow(
      expect.objectContaining({
        code: "git-host-invalid",
        message: `writeGitToken: ${JSON.stringify(host)} is no host name`,
        hint: 'write the bare name: { host: "git.example.com" }',
      }),
    )
  })
})
