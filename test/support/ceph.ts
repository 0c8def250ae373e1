import type { ChildProcess } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, rmSync } from "node:fs"
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { cephConfig, osdPorts } from "./ceph-config.ts"
import { cephPrograms, type CephPrograms } from "./ceph-programs.ts"
import { freePorts } from "./free-ports.ts"

export type S3User = { readonly name: string; readonly accessKeyId: string; readonly secretAccessKey: string }

/** A running S3 server, as data, so that it can be told to other processes. */
export type S3Server = {
  readonly endpoint: string
  readonly region: string
  /** May make buckets, and owns what it makes; may also make roles, and say whose tokens the server takes. */
  readonly owner: S3User
  /** May do nothing until a bucket's policy allows it. */
  readonly guest: S3User
}

export type Ceph = S3Server & {
  /** Ends its processes and removes its folder. Nothing of a test's data is worth an orderly end. */
  stop(): Promise<void>
}

const prefix = "alcides-ceph-"
const mostAttempts = 3
const longestStart = 60_000

/**
 * Starts Ceph with its S3 gateway in a temporary folder, as any user. It dies with this process, however that ends.
 * With `root`, the Ceph that is unpacked there; else the installed one, which `.ci/debian-packages` installs.
 */
export async function startCeph({ root }: { readonly root?: string | undefined } = {}): Promise<Ceph> {
  await removeLeftovers()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(root)
    } catch (error) {
      // Another program may have taken a port between looking and listening.
      if (attempt === mostAttempts) throw error
    }
  }
}

async function startOnce(root: string | undefined): Promise<Ceph> {
  const folder = join(tmpdir(), `${prefix}${process.pid}-${randomUUID().slice(0, 8)}`)
  const started: ChildProcess[] = []
  const cleaning = cleanAtExit(() => {
    for (const child of started) child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  })
  const stop = async (): Promise<void> => {
    const running = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    const ended = running.map((child) => once(child, "exit"))
    for (const child of running) child.kill("SIGKILL")
    await Promise.all(ended)
    await rm(folder, { recursive: true, force: true })
    cleaning.done()
  }
  try {
    mkdirSync(folder, { mode: 0o700 })
    return { ...(await cluster({ folder, programs: cephPrograms({ folder, root }), started })), stop }
  } catch (error) {
    const logs = await lastWords(folder)
    await stop()
    throw new Error(`Ceph did not start\n${logs}`, { cause: error })
  }
}

async function cluster({
  folder,
  programs,
  started,
}: {
  readonly folder: string
  readonly programs: CephPrograms
  readonly started: ChildProcess[]
}): Promise<S3Server> {
  const [osd = 0, ...ports] = await freePorts(osdPorts + 2)
  const [monPort = 0, port = 0] = ports.slice(-2)
  const fsid = randomUUID()
  const osdId = randomUUID()
  const { libraries } = programs
  await writeFile(join(folder, "ceph.conf"), cephConfig({ folder, fsid, port, monPort, osdPort: osd, libraries }))
  for (const name of ["mon", "osd"]) mkdirSync(join(folder, name))
  const start = (name: string, args: readonly string[]): ChildProcess => {
    const child = programs.start(name, args)
    started.push(child)
    return child
  }
  const monmap = join(folder, "monmap")
  await programs.run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", `[v2:127.0.0.1:${monPort}]`, monmap])
  await programs.run("ceph-mon", ["--mkfs", "-i", "a", "--monmap", monmap])
  start("ceph-mon", ["-i", "a"])
  await programs.run("ceph", ["--connect-timeout", "20", "osd", "new", osdId])
  await programs.run("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", osdId])
  start("ceph-osd", ["-i", "0"])
  const [owner, guest] = [newUser("owner"), newUser("guest")]
  // The first user also makes the gateway's pools, which two programs must not do at once.
  await createUser(programs, owner, ["--caps", "roles=*;oidc-provider=*"])
  const gateway = start("radosgw", ["-n", "client.rgw"])
  const endpoint = `http://127.0.0.1:${port}`
  await Promise.all([createUser(programs, guest), untilItAnswers(endpoint, gateway)])
  return { endpoint, region: "us-east-1", owner, guest }
}

function newUser(name: string): S3User {
  return { name, accessKeyId: `${name}-${randomUUID().slice(0, 8)}`, secretAccessKey: randomUUID() }
}

async function createUser(
  programs: CephPrograms,
  { name, accessKeyId, secretAccessKey }: S3User,
  more: readonly string[] = [],
): Promise<void> {
  const named = ["--uid", name, "--display-name", name]
  const keys = ["--access-key", accessKeyId, "--secret-key", secretAccessKey]
  await programs.run("radosgw-admin", ["-n", "client.rgw", "user", "create", ...named, ...keys, ...more])
}

async function untilItAnswers(endpoint: string, gateway: ChildProcess): Promise<void> {
  for (const began = performance.now(); performance.now() - began < longestStart; await sleep(20)) {
    if (gateway.exitCode !== null) throw new Error(`radosgw ended with ${gateway.exitCode}`)
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok === true) return
  }
  throw new Error(`radosgw did not answer within ${longestStart / 1000} seconds`)
}

/** Runs `clean` when this process exits or is interrupted before `done`. */
function cleanAtExit(clean: () => void): { done(): void } {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
  const interrupted = (signal: NodeJS.Signals): void => {
    clean()
    done()
    // The signal ends this process only where nobody else listens for it.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  const done = (): void => {
    process.off("exit", clean)
    for (const signal of signals) process.off(signal, interrupted)
  }
  process.on("exit", clean)
  for (const signal of signals) process.on(signal, interrupted)
  return { done }
}

/** Removes the folders of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = /^alcides-ceph-(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !isRunning(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

async function lastWords(folder: string): Promise<string> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => /\.(out|log)$/.test(name))
  const texts = files.map(async (name) => {
    const text = await readFile(join(folder, name), "utf8")
    return `--- ${name}\n${text.split("\n").slice(-15).join("\n")}`
  })
  return (await Promise.all(texts)).join("\n")
}
