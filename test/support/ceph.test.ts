import { readdir, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { expect, onTestFinished, test } from "vitest"
import { bundleProgram } from "../state/support/program.ts"
import { startCeph } from "./ceph.ts"
import { freshBucket, s3Server } from "./s3.ts"

test("all tests of a run share one S3 server, and get buckets of their own", async () => {
  const server = await s3Server()
  const [bucket, other] = await Promise.all([freshBucket(server), freshBucket(server)])
  await bucket.put("a/b", "text")
  expect(await bucket.keys()).toEqual(["a/b"])
  expect((await bucket.get("a/b")).toString()).toBe("text")
  expect(await other.keys()).toEqual([])
  await bucket.remove("a/b")
  expect(await bucket.keys()).toEqual([])
})

/** The command lines of running programs that name this folder. */
async function running(folder: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")))
  return lines.filter((line) => line.includes(folder))
}

async function folderOf(pid: number | undefined): Promise<string | undefined> {
  return (await readdir(tmpdir())).find((name) => name.startsWith(`alcides-ceph-${pid}-`))
}

test.each([
  { signal: "SIGTERM", leaves: "nothing" },
  { signal: "SIGKILL", leaves: "a folder that the next start removes" },
] as const)("a program that ends with $signal leaves $leaves", async ({ signal }) => {
  const program = await bundleProgram("../../support/ceph-program.ts")
  onTestFinished(() => program.remove())
  const { child, ended, line } = program.start([])
  onTestFinished(() => void child.kill("SIGKILL"))
  await line("up")
  const folder = await folderOf(child.pid)
  expect(await running(folder ?? "none")).toHaveLength(3)
  child.kill(signal)
  expect((await ended).signal).toBe(signal)
  await expect.poll(() => running(folder ?? "none")).toEqual([])
  expect(await folderOf(child.pid)).toBe(signal === "SIGKILL" ? folder : undefined)
  const ceph = await startCeph()
  await ceph.stop()
  expect(await folderOf(child.pid)).toBeUndefined()
  expect(await folderOf(process.pid)).toBeUndefined()
})
