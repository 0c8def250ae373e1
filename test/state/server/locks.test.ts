import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { acquiredSchema, acquireResponseSchema, type AcquireResponse } from "../../../src/state/hercules/api.ts"
import { repoPath, served, type Secrets, type Served } from "../support/state-server.ts"

type As = keyof Secrets
type Asked = { readonly as?: As; readonly name?: string; readonly queue?: string } & Readonly<Record<string, unknown>>

/** As `hci` asks. */
async function acquire(
  { request }: Served,
  { as = "alice", name = "production", queue, ...more }: Asked = {},
): Promise<AcquireResponse> {
  const body = { description: "deploy", exclusive: true, parent: null, idempotencyKey: randomUUID(), ...more }
  const answer = await request(`${repoPath}/lock/${name}`, {
    as,
    method: "POST",
    body: JSON.stringify(body),
    headers: {
      "content-type": "application/json;charset=utf-8",
      ...(queue !== undefined && { "alcides-queue": queue }),
    },
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get("content-type")).toBe("application/json;charset=utf-8")
  return acquireResponseSchema.parse(await answer.json())
}

async function acquired(all: Served, asked: Asked = {}): Promise<string> {
  const answer = await acquire(all, asked)
  if (answer.tag !== "Acquired") throw new Error(JSON.stringify(answer))
  return answer.contents.leaseId
}

const isBlocked = async (all: Served, asked: Asked = {}): Promise<boolean> =>
  (await acquire(all, asked)).tag === "Blocked"
const release = ({ request }: Served, id: string, as: As = "alice"): Promise<Response> =>
  request(`/api/v1/lock-leases/${id}`, { as, method: "DELETE" })
const update = ({ request }: Served, id: string, description: unknown, as: As = "alice"): Promise<Response> =>
  request(`/api/v1/lock-leases/${id}`, { as, method: "POST", body: JSON.stringify({ description }) })

describe("a lock", () => {
  test("is given for ten minutes, longer than three of hci's updates take", async () => {
    const all = await served()
    const answer = await acquire(all)
    if (answer.tag !== "Acquired") throw new Error("blocked")
    const left = (Date.parse(answer.contents.expirationTime) - Date.now()) / 1000
    expect(left).toBeGreaterThan(590)
    expect(left).toBeLessThan(610)
  })

  test("that is held is answered at once with who holds it, in every field", async () => {
    const all = await served()
    const id = await acquired(all)
    const answer = await acquire(all, { as: "bob" })
    expect(answer).toEqual({
      tag: "Blocked",
      contents: {
        blockedByLeases: [
          {
            id,
            startTime: expect.stringMatching(/^[\d-]+T[\d:.]+Z$/),
            expirationTime: expect.stringMatching(/^[\d-]+T[\d:.]+Z$/),
            user: {
              id: expect.stringMatching(/^[0-9a-f-]{36}$/),
              name: "alice",
              displayName: "alice",
              typ: "User",
              imageURL: "",
              site: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), name: "github", displayName: "github" },
            },
            job: null,
            description: "deploy",
            parent: null,
            exclusive: true,
          },
        ],
      },
    })
  })

  test("may be shared", async () => {
    const all = await served()
    await acquired(all, { exclusive: false })
    await acquired(all, { as: "bob", exclusive: false })
    expect(await isBlocked(all, { exclusive: true })).toBe(true)
  })

  test("is given again to the same key, and each time anew without one", async () => {
    const all = await served()
    const idempotencyKey = randomUUID()
    const first = await acquired(all, { idempotencyKey })
    expect(await acquired(all, { idempotencyKey })).toBe(first)
    const loose = { name: "loose", exclusive: false }
    expect(await acquired(all, { ...loose, idempotencyKey: null })).not.toBe(
      await acquired(all, { ...loose, idempotencyKey: undefined }),
    )
  })

  test("is given beside its parent", async () => {
    const all = await served()
    const parent = await acquired(all)
    expect(await isBlocked(all)).toBe(true)
    const child = await acquired(all, { parent })
    const blocked = await acquire(all)
    expect(
      blocked.tag === "Blocked" && blocked.contents.blockedByLeases.map((lease) => [lease.id, lease.parent]),
    ).toEqual([
      [parent, null],
      [child, parent],
    ])
    const body = JSON.stringify({ description: "", exclusive: true, parent: randomUUID() })
    expect((await all.request(`${repoPath}/lock/x`, { method: "POST", body })).status).toBe(404)
  })

  test("goes to those who wait in the order in which they began to wait", async () => {
    const all = await served()
    const holder = await acquired(all)
    const [first, second] = [{ idempotencyKey: randomUUID() }, { as: "bob" as const, idempotencyKey: randomUUID() }]
    for (const one of [first, second, first, second]) expect(await isBlocked(all, one)).toBe(true)
    await release(all, holder)
    // Somebody new, and the second, are both told to wait, although nobody holds it.
    for (const one of [{ idempotencyKey: randomUUID() }, second])
      expect(await acquire(all, one)).toEqual({ tag: "Blocked", contents: { blockedByLeases: [] } })
    await release(all, await acquired(all, first))
    await acquired(all, second)
  })

  test("keeps no place for who asks once, as `hci lock acquire --no-wait` does", async () => {
    const all = await served()
    const holder = await acquired(all)
    for (let round = 0; round < 3; round += 1) expect(await isBlocked(all)).toBe(true)
    await release(all, holder)
    await acquired(all)
  })

  test("keeps a place from the first request on for a client that says so", async () => {
    const all = await served()
    const holder = await acquired(all)
    const waiting = { idempotencyKey: randomUUID() }
    expect(await isBlocked(all, { ...waiting, queue: "true" })).toBe(true)
    const other = { idempotencyKey: randomUUID(), queue: "false" }
    for (let round = 0; round < 2; round += 1) expect(await isBlocked(all, other)).toBe(true)
    await release(all, holder)
    expect(await isBlocked(all, other)).toBe(true)
    await acquired(all, waiting)
  })

  test("is never held by two, however many ask at once", async () => {
    const all = await served()
    let holders = 0
    let most = 0
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const idempotencyKey = randomUUID()
        for (;;) {
          const answer = await acquire(all, { idempotencyKey, as: index % 2 === 0 ? "alice" : "bob" })
          if (answer.tag === "Blocked") {
            await sleep(20)
            continue
          }
          holders += 1
          most = Math.max(most, holders)
          order.push(index)
          await update(all, answer.contents.leaseId, null)
          holders -= 1
          await release(all, answer.contents.leaseId)
          return
        }
      }),
    )
    expect(most).toBe(1)
    expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index))
  })
})

describe("a lease", () => {
  test("is extended by an update, which may describe it anew", async () => {
    const all = await served()
    const id = await acquired(all)
    for (const description of [null, "still copying", undefined]) {
      const answer = await update(all, id, description)
      expect(answer.status).toBe(200)
      expect(acquiredSchema.parse(await answer.json()).leaseId).toBe(id)
    }
    const blocked = await acquire(all)
    expect(blocked.tag === "Blocked" && blocked.contents.blockedByLeases[0]?.description).toBe("still copying")
  })

  test("ends when it is released, once", async () => {
    const all = await served()
    const id = await acquired(all)
    const answer = await release(all, id)
    expect([answer.status, await answer.text()]).toEqual([200, ""])
    expect((await release(all, id)).status).toBe(404)
    const gone = await update(all, id, null)
    expect(gone.status).toBe(404)
    expect(await gone.json()).toMatchObject({ errorTags: [] })
    await acquired(all)
  })

  test.each([randomUUID(), "x", "a%2Fb"])("that never was is not found: %s", async (id) => {
    const all = await served()
    expect((await release(all, id)).status).toBe(404)
    expect((await update(all, id, null)).status).toBe(404)
  })

  test("is nobody else's: not of another project, and not to a reader", async () => {
    const all = await served()
    const id = await acquired(all)
    for (const as of ["stranger", "reader"] as const) {
      expect((await release(all, id, as)).status).toBe(403)
      expect((await update(all, id, null, as)).status).toBe(403)
    }
    expect((await release(all, id, "bob")).status).toBe(200)
  })

  test("outlives the server that granted it", async () => {
    const first = await served()
    const id = await acquired(first)
    const second = await served({ store: async () => first.store, projectOfLease: first.projectOfLease })
    expect((await update(second, id, null)).status).toBe(200)
    expect((await release(second, id)).status).toBe(200)
    const third = await served({ store: async () => first.store })
    expect((await update(third, await acquired(first), null)).status).toBe(404)
  })
})

describe("a request for a lock", () => {
  test.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["no object", "[]"],
    ["no description", { exclusive: true }],
    ["no `exclusive`", { description: "" }],
    ["a key that is no UUID", { description: "", exclusive: true, idempotencyKey: "x" }],
  ])("is refused with %s", async (_, body) => {
    const { request } = await served()
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const answer = await request(`${repoPath}/lock/a`, { method: "POST", body: text })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ message: expect.stringMatching(/^the body is /), errorTags: [] })
  })

  test("is refused when it is large", async () => {
    const { request } = await served()
    const body = JSON.stringify({ description: "x".repeat(70_000), exclusive: true })
    expect((await request(`${repoPath}/lock/a`, { method: "POST", body })).status).toBe(413)
  })

  test("is refused for a name that no lock can have, and with a header that says neither", async () => {
    const { request } = await served()
    const body = JSON.stringify({ description: "", exclusive: true, idempotencyKey: randomUUID() })
    const answer = await request(`${repoPath}/lock/a%2Fb`, { method: "POST", body })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: "lock-name-invalid" })
    const headers = { "alcides-queue": "maybe" }
    expect((await request(`${repoPath}/lock/a`, { method: "POST", body, headers })).status).toBe(400)
  })
})
