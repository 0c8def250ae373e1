import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { alcides, bareNode, pipelineRepository, race } from "./measure.mjs"

/** What a command costs before it does anything. */
export async function startUp({ folder, rounds }) {
  const put = alcides(folder, ["state", "put", "--name", "small.json", "--file", "-"])
  const { status, stderr } = spawnSync(put.program, put.args, { ...put, input: randomBytes(10 * 1024) })
  if (status !== 0) throw new Error(String(stderr))
  const repository = await pipelineRepository(folder, 1)
  const [node, version, get, run] = race(
    [
      bareNode,
      alcides(folder, ["--version"]),
      alcides(folder, ["state", "get", "--name", "small.json", "--file", "-"]),
      { ...alcides(folder, ["run"]), cwd: repository },
    ],
    rounds,
  )
  const ratio = (what, ours, wanted) => ({
    what,
    beside: "node -e 0",
    ours: `${ours.median.toFixed(0)} ms`,
    theirs: `${node.median.toFixed(0)} ms`,
    figure: `${(ours.median / node.median).toFixed(2)} ×`,
    best: `${(ours.min / node.min).toFixed(2)} ×`,
    wanted,
  })
  return [
    ratio("alcides --version", version, "≤ 1.5 ×"),
    ratio("alcides state get, 10 KiB", get, "≤ 1.5 ×"),
    {
      what: "alcides run, an effect that does nothing",
      beside: "node -e 0",
      ours: `${run.median.toFixed(0)} ms`,
      theirs: `${node.median.toFixed(0)} ms`,
      figure: `+ ${(run.median - node.median).toFixed(0)} ms`,
      best: `+ ${(run.min - node.min).toFixed(0)} ms`,
      wanted: "≤ + 150 ms",
    },
  ]
}
