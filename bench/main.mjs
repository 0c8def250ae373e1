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

const quick = process.argv.includes("--quick")
const folder = await mkdtemp(join(tmpdir(), "alcides-bench-"))
try {
  const rounds = quick ? 5 : 21
  const rows = [
    ...(await startUp({ folder, rounds })),
    ...(await planning({ folder, rounds })),
    ...(await largeState({ folder, bytes: quick ? 64 * 2 ** 20 : 2 ** 30 })),
    ...(await s3State({ folder, rounds: quick ? 5 : 11, bytes: quick ? 64 * 2 ** 20 : 2 ** 30 })),
  ]
  if (process.argv.includes("--json")) console.log(JSON.stringify(rows, null, 2))
  else printTable(rows)
} finally {
  await rm(folder, { recursive: true, force: true })
}
