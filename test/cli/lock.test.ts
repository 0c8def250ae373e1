import { mkdir, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { beforeEach, describe, expect, it } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { appears } from "../support/appears.ts"
import { cliHome } from "../support/cli-home.ts"
import { runCli, type CliOptions, type CliResult } from "../support/io.ts"

const project = "github/neat-org/neat-repo"
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/
const nobody = "11111111-1111-4111-8111-111111111111"

let folder: string
let env: Record<string, string>

beforeEach(async () => {
  const home = await cliHome()
  ;({ folder, env } = home)
  return home.remove
})

const lock = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(["lock", ...args], { env, cwd: folder, ...options })

const acquire = async (...flags: string[]): Promise<string> => {
  const { exit, stdout } = await lock(["acquire", "--name", "production", ...flags])
  expect(exit).toBe(0)
  return stdout.trim()
}

const listed = async (): Promise<unknown> => JSON.parse((await lock(["list", "--json"])).stdout)

describe("lock acquire", () => {
  it("prints the lease's id alone, and says until when on standard error", async () => {
    const { exit, stdout, stderr } = await lock(["acquire", "--name", "production"])
    expect(exit).toBe(0)
    expect(stdout).toMatch(uuid)
    expect(stderr).toMatch(/^lock production acquired until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/)
  })

  it("prints what hci prints with --json", async () => {
    const { stdout } = await lock(["acquire", "--name", "production", "--json", "--ttl", "100"])
    const { leaseId, expirationTime, ...rest }: Record<string, string> = JSON.parse(stdout)
    expect(`${leaseId}\n`).toMatch(uuid)
    expect(Date.parse(expirationTime ?? "") - Date.now()).toBeGreaterThan(90_000)
    expect(Date.parse(expirationTime ?? "") - Date.now()).toBeLessThan(110_000)
    expect(rest).toEqual({})
  })

  it("exits 6 with --no-wait when it is held, and says by whom", async () => {
    const lease = await acquire("--description", "a\u001b[31m deploy")
    const told = await lock(["acquire", "--name", "production", "--no-wait"])
    expect(told).toMatchObject({ exit: 6, stdout: "" })
    expect(told.stderr).toMatch(
      /^alcides: the lock "production" was not obtained: it is held by \S+ \(a\\u001b\[31m deploy\) since /,
    )
    expect(told.stderr).toContain("hint: ")

    const json = await lock(["acquire", "--name", "production", "--no-wait", "--json"])
    expect(json).toMatchObject({ exit: 6, stderr: "" })
    expect(JSON.parse(json.stdout)).toMatchObject({ blockedByLeases: [{ id: lease, exclusive: true }] })
  })

  it("acquires with --no-wait --json what is free", async () => {
    const { exit, stdout } = await lock(["acquire", "--name", "production", "--no-wait", "--json"])
    expect({ exit, ...JSON.parse(stdout) }).toMatchObject({ exit: 0, leaseId: expect.any(String) })
  })

  it("lets those who share in, and keeps the exclusive out", async () => {
    await acquire("--non-exclusive")
    await acquire("--non-exclusive", "--no-wait")
    expect((await lock(["acquire", "--name", "production", "--no-wait"])).exit).toBe(6)
  })

  it("waits in the queue until it is released", async () => {
    const first = await acquire()
    const waiting = lock(["acquire", "--name", "production"])
    await sleep(400)
    expect(await listed()).toMatchObject([{ lock: "production", waiting: 1 }])
    await lock(["release", "--lease-id", first])
    const { exit, stderr } = await waiting
    expect(exit).toBe(0)
    expect(stderr).toMatch(
      /^waiting for the lock production; held by \S+ \(alcides lock acquire\) since .*\nlock production acquired until /,
    )
  })

  it("leaves the queue when it is interrupted", async () => {
    await acquire()
    const stop = new AbortController()
    const waiting = lock(["acquire", "--name", "production"], { signal: stop.signal })
    await sleep(400)
    stop.abort(new AlcidesError({ code: "terminated", message: "ended by SIGTERM" }))
    expect(await waiting).toMatchObject({ exit: 1, stdout: "" })
    expect(await listed()).toMatchObject([{ waiting: 0 }])
  })

  it.each(["HERCULES_CI_LOCK_LEASE_ID", "ALCIDES_LOCK_LEASE_ID"])("takes its parent from %s", async (variable) => {
    const parent = await acquire()
    const args = ["acquire", "--name", "production", "--no-wait"]
    expect((await lock(args, { env: { ...env, [variable]: parent } })).exit).toBe(0)
    expect(await lock(args, { env: { ...env, [variable]: "x" } })).toMatchObject({
      exit: 2,
      stderr: `alcides: ${variable} is no lease id: "x"\n  hint: a lease id is the UUID that \`alcides lock acquire\` prints\n`,
    })
    expect(await lock(args, { env: { ...env, [variable]: nobody } })).toMatchObject({ exit: 6 })
  })

  it.each([
    [["--name", "a/b"], "lock-name-invalid", '"a/b" is no lock name: it contains a slash'],
    [["--name", "x", "--ttl", "0"], "ttl-invalid", '--ttl: "0" is no number of seconds'],
    [["--name", "x", "--ttl", "1h"], "ttl-invalid", '--ttl: "1h" is no number of seconds'],
    [["--name", "x", "--ttl", "86401"], "ttl-invalid", '--ttl: "86401" is no number of seconds'],
    [[], "usage", "required option '--name <name>' not specified"],
  ])("refuses %j as a usage error, %s", async (flags, code, message) => {
    const { exit, stderr } = await lock(["acquire", ...flags])
    expect(stderr).toMatch(/^alcides: .*\n {2}hint: .*\n$/)
    expect(JSON.parse((await lock(["acquire", ...flags, "--json"])).stderr)).toMatchObject({ error: { code, exit: 2 } })
    expect({ exit, fact: stderr.split("\n")[0] }).toEqual({ exit: 2, fact: `alcides: ${message}` })
  })
})

describe("lock update and release", () => {
  it("need neither project nor name", async () => {
    const lease = await acquire("--ttl", "30")
    const { ALCIDES_PROJECT: _, ...bare } = env
    const updated = await lock(["update", "--lease-id", lease.toUpperCase(), "--description", "still", "--json"], {
      env: bare,
    })
    expect(updated.exit).toBe(0)
    expect(JSON.parse(updated.stdout)).toMatchObject({ leaseId: lease })
    expect(await listed()).toMatchObject([{ leases: [{ id: lease, description: "still" }] }])
    expect(await lock(["update", "--lease-id", lease], { env: bare })).toEqual({ exit: 0, stdout: "", stderr: "" })
    expect(await lock(["release", "--lease-id", lease], { env: bare })).toEqual({
      exit: 0,
      stdout: "",
      stderr: "lock released\n",
    })
    expect(await listed()).toEqual([])
  })

  it("exit 6 when the lease is no longer held, and 2 for what is no lease id", async () => {
    const lease = await acquire()
    await lock(["release", "--lease-id", lease])
    for (const command of ["update", "release"]) {
      for (const id of [lease, nobody]) {
        const { exit, stderr } = await lock([command, "--lease-id", id])
        expect(exit).toBe(6)
        expect(stderr).toContain(`alcides: the lease ${id} is no longer held`)
      }
      expect(await lock([command, "--lease-id", "production"])).toMatchObject({ exit: 2 })
    }
    const { stderr } = await lock(["update", "--json", "--lease-id", "production"])
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "lease-id-invalid", message: '--lease-id is no lease id: "production"' },
    })
  })

  it("end by themselves when nobody updates them", async () => {
    const { stdout } = await lock(["acquire", "--name", "production", "--no-wait", "--json", "--ttl", "1"])
    expect(stdout).not.toBe("")
    expect((await lock(["acquire", "--name", "production", "--no-wait"])).exit).toBe(6)
    await sleep(1100)
    expect((await lock(["acquire", "--name", "production", "--no-wait"])).exit).toBe(0)
  })
})

it.each(["-1", "3601", "1m"])("lock run refuses --grace %s", async (grace) => {
  const { exit, stderr } = await lock(["run", "--json", "--name", "production", "--grace", grace, "--", "true"])
  expect(exit).toBe(2)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "grace-invalid" } })
})

describe("lock list and break", () => {
  it("shows nothing with a word", async () => {
    const { exit, stdout, stderr } = await lock(["list"])
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: "" })
    expect(stderr).toContain(`no locks are held in ${project} at file:`)
  })

  it("shows who holds what, why, since when and until when", async () => {
    const lease = await acquire("--description", "a deploy")
    const [titles, row] = (await lock(["list"])).stdout.split("\n")
    expect(titles).toMatch(/^LOCK +MODE +BY +HOST +SINCE +UNTIL +WAITING +LEASE +DESCRIPTION +RUN$/)
    expect(row).toMatch(
      new RegExp(`^production +exclusive +\\S+@\\S+ +${hostname()} +\\S+Z +\\S+Z +0 +${lease} +a deploy$`),
    )
  })

  it("asks before it breaks, records who did and why, and tells the old holder", async () => {
    const lease = await acquire("--description", "a deploy")
    const unanswered = await lock(["break", "--name", "production"])
    expect(unanswered.exit).toBe(2)
    expect(unanswered.stderr).toMatch(
      /no terminal to ask on: break the lock production of github\/neat-org\/neat-repo, held by \S+ \(a deploy\)/,
    )
    expect((await lock(["update", "--lease-id", lease])).exit).toBe(0)

    const broken = await lock(["break", "--name", "production", "--yes", "--reason", "the runner was lost"])
    expect(broken).toMatchObject({ exit: 0, stdout: "" })
    expect(broken.stderr).toMatch(/^lock production broken; it was held by \S+ \(a deploy\)/)
    expect((await lock(["list"])).stdout).toMatch(/^production +broken +\S+@\S+ +\S+Z +0 +the runner was lost$/m)
    expect(await lock(["update", "--lease-id", lease])).toMatchObject({ exit: 6 })

    const next = await acquire("--description", "the next")
    const [, held, last] = (await lock(["list"])).stdout.split("\n")
    expect(held).toMatch(new RegExp(` 0  ${next}  the next$`))
    expect(last).toMatch(/^production +broken +\S+@\S+ +\S+Z +the runner was lost$/)
  })

  it("does not break the lock of somebody who got it while the question was asked", async () => {
    const lease = await acquire("--description", "a deploy")
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const asked = lock(["break", "--name", "production"], { input })
    await sleep(300)
    await lock(["release", "--lease-id", lease])
    const next = await acquire("--description", "the next")
    input.write("y\n")
    const { exit, stderr } = await asked
    expect(exit).toBe(1)
    // `lock-holder-changed`
    expect(stderr).toMatch(/the lock production is held by \S+ \(the next\) since .* meanwhile; nothing was broken$/m)
    expect((await lock(["update", "--lease-id", next])).exit).toBe(0)
    const again = Object.assign(new PassThrough(), { isTTY: true })
    again.write("y\n")
    expect((await lock(["break", "--name", "production"], { input: again })).exit).toBe(0)
  })

  // Between the look and the break git is asked who we are, which takes its time.
  const slowGit = async () => {
    for (const name of ["bin", ".git"]) await mkdir(join(folder, name))
    const script = `#!/bin/sh\ncd "${folder}"\necho asked > asked\nwhile ! [ -e go ]; do sleep 0.02; done\nexit 1\n`
    await writeFile(join(folder, "bin", "git"), script, { mode: 0o755 })
    const broken = lock(["break", "--name", "production", "--yes"], {
      env: { ...env, PATH: `${join(folder, "bin")}:${env["PATH"]}` },
    })
    await appears(join(folder, "asked"))
    return { broken, answer: () => writeFile(join(folder, "go"), "") }
  }

  it("ends nobody whom it has not shown, also when it does not ask", async () => {
    const lease = await acquire("--description", "a deploy")
    const { broken, answer } = await slowGit()
    await lock(["release", "--lease-id", lease])
    const next = await acquire("--description", "the next")
    await answer()
    const { exit, stderr } = await broken
    expect(exit).toBe(1)
    expect(stderr).toMatch(/the lock production is held by \S+ \(the next\) since .* meanwhile; nothing was broken$/m)
    expect((await lock(["update", "--lease-id", next])).exit).toBe(0)
  })

  it("ends those whom it has shown, and says who holds it then", async () => {
    const lease = await acquire("--non-exclusive", "--description", "the first")
    const { broken, answer } = await slowGit()
    const next = await acquire("--non-exclusive", "--description", "the next")
    await answer()
    const { exit, stderr } = await broken
    expect(exit).toBe(0)
    expect(stderr).toMatch(
      /^lock production broken; it was held by \S+ \(the first\) since .*\nlock production is held by \S+ \(the next\) since .* now, which was not broken\n$/,
    )
    expect((await lock(["update", "--lease-id", lease])).exit).toBe(6)
    expect((await lock(["update", "--lease-id", next])).exit).toBe(0)
  })

  it("says so when nobody holds it any more", async () => {
    const lease = await acquire()
    const { broken, answer } = await slowGit()
    await lock(["release", "--lease-id", lease])
    await answer()
    const stderr = "the lock production is not held any more; nothing was broken\n"
    expect(await broken).toEqual({ exit: 0, stdout: "", stderr })
    expect(await listed()).toEqual([])
  })

  it("prints the ended leases with --json, and breaks nothing that is not held", async () => {
    const lease = await acquire()
    expect(JSON.parse((await lock(["break", "--name", "production", "--yes", "--json"])).stdout)).toMatchObject([
      { id: lease },
    ])
    expect(await lock(["break", "--name", "staging"])).toEqual({
      exit: 0,
      stdout: "",
      stderr: "the lock staging is not held; there is nothing to break\n",
    })
    expect((await lock(["break", "--name", "staging", "--json"])).stdout).toBe("[]\n")
    expect(await lock(["break", "--name", "a/b", "--yes"])).toMatchObject({ exit: 2 })
  })
})
