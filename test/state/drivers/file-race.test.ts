import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { project } from "../contract.ts"
import { textOf, bytes } from "../support/content.ts"
import { fileStorage } from "../support/file-storage.ts"
import { bundleProgram, type Program } from "../support/program.ts"

const processes = 4
const contenders = 3
const rounds = 5

async function bundled(name: string): Promise<Program> {
  const program = await bundleProgram(name)
  onTestFinished(() => program.remove())
  return program
}

test("many contenders in many processes: never two holders, never a lost update, every accepted put readable", async () => {
  const program = await bundled("contenders.ts")
  const { url, open, remove } = await fileStorage()
  onTestFinished(remove)
  const side = await mkdtemp(join(tmpdir(), "alcides-race-"))
  onTestFinished(() => rm(side, { recursive: true, force: true }))
  const started = Array.from(
    { length: processes },
    (_, index) => program.start([url, side, `p${index}`, String(contenders), String(rounds)]).ended,
  )
  const lines = (await Promise.all(started)).flatMap(({ lines }) => lines)

  const total = processes * contenders * rounds
  const counted = (kind: string): number[] =>
    lines
      .flatMap((line) => (line.startsWith(`${kind} `) ? [Number(line.slice(kind.length + 1))] : []))
      .sort((a, b) => a - b)
  const all = Array.from({ length: total }, (_, index) => index + 1)
  expect(lines.filter((line) => !/^(token|version) \d+$/.test(line))).toEqual(
    Array.from({ length: processes }, () => "done"),
  )
  expect(counted("token")).toEqual(all)
  expect(counted("version")).toEqual(all)

  const store = await open(project)
  for (const name of ["counter", "swapped"]) {
    expect((await store.history(name))?.length).toBe(total)
    for (const version of all)
      expect(await textOf((await store.get(name, { version }))?.content ?? bytes(""))).toBe(String(version))
  }
  expect(await store.locks()).toEqual([])
})

test("processes that wait get the lock in the order in which they came", async () => {
  const program = await bundled("one-waiter.ts")
  const { url, open, remove } = await fileStorage()
  onTestFinished(remove)
  const store = await open(project)
  const holder = await store.acquire({
    lock: "production",
    exclusive: true,
    description: "",
    holder: { by: "parent" },
    ttl: 60,
    idempotencyKey: "parent",
    queue: false,
  })
  if (holder.outcome !== "acquired") throw new Error("blocked")
  const ended = []
  for (let index = 0; index < 4; index += 1) {
    const waiter = program.start([url, `waiter ${index}`])
    ended.push(waiter.ended)
    await waiter.line("queued")
  }
  await store.release(holder.lease.id)
  expect((await Promise.all(ended)).map(({ lines }) => lines.at(-1))).toEqual([
    "token 2",
    "token 3",
    "token 4",
    "token 5",
  ])
})
