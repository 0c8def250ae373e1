import { readdir, readlink } from "node:fs/promises"
import { createHash, randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { openHerculesStore } from "../../../../src/state/drivers/hercules.ts"
import { httpServer } from "../../../support/http-server.ts"
import { project } from "../../contract.ts"

const stored = Buffer.alloc(16 * 1024 * 1024, "x")
stored.write("age-encryption.org/v1\n")

test("what is encrypted and cannot be read keeps no connection", async () => {
  const projectId = randomUUID()
  const sha256 = createHash("sha256").update(stored).digest("hex")
  const version = { projectId, name: "a.json", version: 1, creationTime: "2030-01-01T00:00:00Z" }
  const versions = [{ ...version, size: stored.byteLength, sha256 }]
  let closed: Promise<unknown> | undefined
  const endpoint = await httpServer((request, response) => {
    if (request.url?.endsWith("/states") === true) {
      response.end(JSON.stringify({ stateFiles: { "a.json": { name: "a.json", versions } } }))
      return
    }
    closed = new Promise((resolve) => response.once("close", () => resolve("closed")))
    response.writeHead(200, { "content-length": stored.byteLength }).end(stored)
  })
  const env = { HERCULES_CI_API_TOKEN: "token" }
  const store = openHerculesStore(`hercules:${endpoint}`, project, { env })
  await expect(store.get("a.json")).rejects.toMatchObject({ code: "state-identity-missing" })
  expect(await Promise.race([closed, sleep(2_000, "open")])).toBe("closed")
})

test("what is encrypted and cannot be read keeps no file", async () => {
  const endpoint = await httpServer((_, response) =>
    response.writeHead(200, { "content-length": stored.byteLength }).end(stored),
  )
  const env = { HERCULES_CI_API_TOKEN: "token", HERCULES_CI_API_BASE_URL: endpoint }
  const store = openHerculesStore("hercules:current-task", project, { env })
  const before = await namelessFiles()
  await expect(store.get("a.json")).rejects.toMatchObject({ code: "state-identity-missing" })
  expect(await namelessFiles()).toBe(before)
})

/** How many files without a name this process has open. */
async function namelessFiles(): Promise<number> {
  const open = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  )
  return open.filter((path) => path.endsWith(" (deleted)")).length
}
