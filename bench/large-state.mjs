import { randomBytes } from "node:crypto"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { alcides, bareNode, peak } from "./measure.mjs"

/** A large state file through put and get, beside a copy that is synced and summed: what a careful person would type. */
export async function largeState({ folder, bytes }) {
  const file = join(folder, "large")
  await writeRandom(file, bytes)
  const idle = await peak({ ...bareNode, args: ["-e", "setTimeout(() => {}, 300)"] })
  const shell = (script) => ({ program: "sh", args: ["-ec", script], cwd: folder, env: { PATH: process.env.PATH } })
  const put = await peak(alcides(folder, ["state", "put", "--name", "large", "--file", file]), [
    "ignore",
    "ignore",
    "ignore",
  ])
  const copy = await peak(shell(`cp ${file} ${file}.copy && sync ${file}.copy && sha256sum ${file}.copy >${file}.sum`))
  const get = await peak(alcides(folder, ["state", "get", "--name", "large", "--file", `${file}.got`]))
  const back = await peak(
    shell(`sha256sum ${file}.copy >${file}.sum && cp ${file}.copy ${file}.back && sync ${file}.back`),
  )
  const size = `${bytes / 2 ** 20} MiB`
  const row = (what, ours, theirs) => [
    {
      what: `${what}, ${size}: time`,
      beside: "cp, sync, sha256sum",
      ours: `${(ours.ms / 1000).toFixed(1)} s`,
      theirs: `${(theirs.ms / 1000).toFixed(1)} s`,
      figure: `${(ours.ms / theirs.ms).toFixed(2)} ×`,
      best: "",
      wanted: "",
    },
    {
      what: `${what}, ${size}: memory`,
      beside: "node, idle",
      ours: `${(ours.bytes / 2 ** 20).toFixed(0)} MiB`,
      theirs: `${(idle.bytes / 2 ** 20).toFixed(0)} MiB`,
      figure: `+ ${((ours.bytes - idle.bytes) / 2 ** 20).toFixed(0)} MiB`,
      best: "",
      wanted: "≤ + 100 MiB",
    },
  ]
  return [...row("alcides state put", put, copy), ...row("alcides state get", get, back)]
}

/** A file of that many bytes that nothing can compress. */
export async function writeRandom(path, bytes) {
  const handle = await open(path, "w", 0o600)
  const block = randomBytes(2 ** 20)
  for (let written = 0; written < bytes; written += block.length) {
    block.writeUInt32LE(written / block.length, 0)
    await handle.write(block, 0, Math.min(block.length, bytes - written))
  }
  await handle.close()
}
