import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { useDockerHost, writeDockerKey } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

const keys = { clientKey: "KEY", clientCertificate: "CERT\r\n", CACertificate: "CA\n" }
let made: TestContext | undefined

afterEach(() => made?.remove())

async function contextOf(secrets: Parameters<typeof createEffectContext>[0] = {}): Promise<TestContext> {
  made = await createEffectContext(secrets)
  return made
}

describe("writeDockerKey", () => {
  test("writes what docker reads, and says where", async () => {
    const { context, env } = await contextOf({ docker: keys })
    await writeDockerKey().run(context)
    const folder = join(context.home, ".docker")
    const files = await Promise.all(
      ["key.pem", "cert.pem", "ca.pem"].map((name) => readFile(join(folder, name), "utf8")),
    )
    expect(files).toEqual(["KEY\n", "CERT\n", "CA\n"])
    expect(((await stat(join(folder, "key.pem"))).mode & 0o777).toString(8)).toBe("600")
    expect(env["DOCKER_CERT_PATH"]).toBe(folder)
  })

  test("in a folder of one's choice", async () => {
    const { context, env } = await contextOf({ swarm: keys })
    await writeDockerKey("swarm", "~/swarm").run(context)
    expect(env["DOCKER_CERT_PATH"]).toBe(join(context.home, "swarm"))
  })

  test.each(["clientKey", "clientCertificate", "CACertificate"])(
    "a missing %s is an error, and writes nothing",
    async (field) => {
      const { context } = await contextOf({ docker: { ...keys, [field]: "" } })
      await expect(writeDockerKey().run(context)).rejects.toMatchObject({
        code: "secret-field-missing",
        message: `secret "docker": field ${field} is empty`,
      })
      await expect(stat(join(context.home, ".docker"))).rejects.toThrow("ENOENT")
    },
  )
})

describe("useDockerHost", () => {
  test.each([
    ["docker.example.com", undefined, "tcp://docker.example.com:2376"],
    ["10.0.0.1", 2377, "tcp://10.0.0.1:2377"],
    ["fe80::1", 2376, "tcp://[fe80::1]:2376"],
  ])("%s", async (host, port, address) => {
    const { context, env } = await contextOf()
    await useDockerHost(host, port).run(context)
    expect(env).toMatchObject({ DOCKER_HOST: address, DOCKER_TLS_VERIFY: "1" })
  })

  test.each([
    ["tcp://host", 2376],
    ["", 2376],
    ["host name", 2376],
    ["host", 0],
    ["host", 70_000],
    ["host", 1.5],
  ])("%j:%d is no host and port", (host, port) => {
    expect(() => useDockerHost(host, port)).toThrow(
      expect.objectContaining({
        code: "docker-host-invalid",
        exit: 2,
        message: `useDockerHost: ${JSON.stringify(host)} and ${port} are no host name and port`,
        hint: 'write the bare name: useDockerHost("docker.example.com", 2376)',
      }),
    )
  })
})
