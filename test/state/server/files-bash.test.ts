import { randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeEach, describe, expect, onTestFinished, test } from "vitest"
import { AlcidesError } from "../../../src/errors.ts"
import { runBashEffect, type BashResult } from "../../support/bash-client.ts"
import { bytes, textOf } from "../support/content.ts"
import { s3Storage } from "../support/s3-storage.ts"
import { repo, secrets, served, type Served } from "../support/state-server.ts"

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "alcides-bash-"))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
})

const bash = async ({ server }: Served, script: string, token: string | null = secrets.alice): Promise<BashResult> => {
  const json = join(cwd, "secrets.json")
  await writeFile(json, JSON.stringify(token === null ? {} : { "hercules-ci": { data: { token } } }))
  const socket = /^unix:(.+)$/.exec(server.url)?.[1]
  return runBashEffect(script, {
    cwd,
    env: {
      HERCULES_CI_SECRETS_JSON: json,
      HERCULES_CI_API_BASE_URL: socket === undefined ? server.url : "http://localhost",
      ...(socket !== undefined && { SOCKET: socket }),
    },
  })
}

const overSocket = async (): Promise<Served> => {
  const first = await served()
  return {
    ...first,
    ...(await served({ listen: `unix:${join(first.folder, "s.sock")}`, store: async () => first.store })),
    store: first.store,
  }
}

const overBucket = async (): Promise<Served> => {
  const storage = await s3Storage()
  onTestFinished(() => storage.remove())
  const store = await storage.open(repo)
  return { ...(await served({ store: storage.open })), store }
}

describe.each([
  ["a port", () => served()],
  ["a socket", overSocket],
  ["a port, with S3 behind it", overBucket],
])("a bash effect for Hercules CI, over %s", (_, open) => {
  test("gets, changes and puts its state", async () => {
    const all = await open()
    const script = `
      getStateFile db.json
      [[ ! -e db.json ]]
      printf one >db.json
      putStateFile db.json
      getStateFile db.json copy
      cmp db.json copy
      printf ' and two' >>copy
      putStateFile db.json copy`
    const { exit, stderr } = await bash(all, script)
    expect([exit, stderr]).toEqual([0, "state file does not exist.\n"])
    const read = await all.store.get("db.json")
    expect(read?.version).toMatchObject({ version: 2, writer: { by: "alice" } })
    expect(await textOf(read?.content ?? bytes(""))).toBe("one and two")
  })

  test("waits to be asked for what is large, and gets it back whole", async () => {
    const all = await open()
    const content = randomBytes(5_000_000)
    await writeFile(join(cwd, "big"), content)
    const { exit } = await bash(all, "putStateFile big; getStateFile big copy")
    expect(exit).toBe(0)
    expect((await readFile(join(cwd, "copy"))).equals(content)).toBe(true)
  })

  test("fails when it may not, and is not told that anything is absent", async () => {
    const all = await open()
    await writeFile(join(cwd, "db.json"), "mine")
    for (const token of [null, "wrong"]) {
      const { exit, stderr } = await bash(all, "getStateFile db.json copy", token)
      expect([exit, stderr]).toEqual([1, "status 401\n"])
    }
    const put = await bash(all, "putStateFile db.json", secrets.reader)
    expect([put.exit, put.stderr]).toEqual([22, expect.stringContaining("403")])
    expect(await all.store.history("db.json")).toBeUndefined()
  })
})

test("a store that is down for a while is waited for, not taken for empty", async () => {
  const { store } = await served()
  await store.put("db.json", bytes("one"), { base: "absent", writer: { by: "carol" } })
  let failures = 2
  const all = await served({
    store: async () => ({
      ...store,
      get(...args) {
        failures -= 1
        if (failures < 0) return store.get(...args)
        throw new AlcidesError({ code: "store-failed", message: "it is down" })
      },
    }),
  })
  const { exit, stdout } = await bash(all, "PAUSE=0.05; getStateFile db.json; cat db.json")
  expect([exit, stdout, failures]).toEqual([0, "one", -1])
})

test("a put that the client does not finish is no version", async () => {
  const all = await served()
  await all.store.put("db.json", bytes("one"), { base: "absent", writer: { by: "carol" } })
  await writeFile(join(cwd, "big"), randomBytes(5_000_000))
  const script = `
    timeout -s KILL 0.5 curl --silent --limit-rate 1M -XPUT -H "@$PWD/headers" --upload-file big \
      "$HERCULES_CI_API_BASE_URL/api/v1/current-task/state/db.json/data" || echo "ended by $?"`
  expect((await bash(all, script)).stdout).toBe("ended by 137\n")
  expect((await all.store.history("db.json"))?.length).toBe(1)
  const { exit, stdout } = await bash(all, "getStateFile db.json; cat db.json")
  expect([exit, stdout]).toEqual([0, "one"])
})
