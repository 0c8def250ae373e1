// Takes a lock and puts a state file, on a machine whose clock is so many milliseconds off: URL MILLISECONDS. Prints the lease.
const [url = "", off = ""] = process.argv.slice(2)

const real = Date
const shifted = class extends real {
  constructor(...given: readonly (number | string)[]) {
    super(given[0] ?? shifted.now())
  }

  static override now(): number {
    return real.now() + Number(off)
  }
}
Object.assign(globalThis, { Date: shifted })

// Loaded only now, so that nothing has looked at the clock before.
const { openStore } = await import("../../../src/state/open.ts")
const { stateLock } = await import("../../../src/state/names.ts")
const { bytes } = await import("./content.ts")

const store = await openStore(url, { site: "github", owner: "neat-org", name: "neat-repo" })
const answer = await store.acquire({
  lock: stateLock("a.json"),
  exclusive: true,
  description: "",
  holder: { by: "child" },
  ttl: 60,
  idempotencyKey: "child",
  queue: false,
})
if (answer.outcome === "blocked") process.stdout.write("blocked\n")
else {
  const { lease } = answer
  const version = await store.put("a.json", bytes("content"), { base: "current", writer: { by: "child" }, lease })
  process.stdout.write(`${JSON.stringify({ lease: await store.renew(lease.id, { ttl: 120 }), version })}\n`)
}
