// How fast Alcides is, beside what a user would otherwise type. Every figure is a ratio or a difference within one run, because
// machines differ; nothing here passes or fails.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { printTable } from "./table.mjs"
import { largeState } from "./large-state.mjs"
import { planning } from "./planning.mjs"
import { s3State } from "./s3.mjs"
import { startUp } from "./start-up.mjs"

const parts = { "start-up": startUp, planning, "large-state": largeState, s3: s3State }

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
const unknown = named.find((name) => !Object.hasOwn(parts, name))
if (unknown !== undefined) {
  console.error(`bench: no part is called ${unknown}; there are ${Object.keys(parts).join(", ")}`)
  process.exit(2)
}
const quick = process.argv.includes("--quick")
const folder = await mkdtemp(join(tmpdir(), "alcides-bench-"))
try {
  const size = { rounds: quick ? 5 : 21, bytes: quick ? 64 * 2 ** 20 : 2 ** 30 }
  const rows = []
  for (const [name, measure] of Object.entries(parts)) {
    if (named.length === 0 || named.includes(name)) rows.push(...(await measure({ folder, ...size })))
  }
  if (process.argv.includes("--json")) console.log(JSON.stringify(rows, null, 2))
  else printTable(rows)
} finally {
  await rm(folder, { recursive: true, force: true })
}
