import { alcides, pipelineRepository, race } from "./measure.mjs"

/** What planning costs as the pipeline grows. */
export async function planning({ folder, rounds }) {
  const [one, many] = await Promise.all([1, 200].map((effects) => pipelineRepository(folder, effects)))
  const plan = (repository) => ({ ...alcides(folder, ["plan"]), cwd: repository })
  const [small, large] = race([plan(one), plan(many)], rounds)
  return [
    {
      what: "alcides plan, 200 effects",
      beside: "alcides plan, 1 effect",
      ours: `${large.median.toFixed(0)} ms`,
      theirs: `${small.median.toFixed(0)} ms`,
      figure: `${(large.median / small.median).toFixed(2)} ×`,
      best: `${(large.min / small.min).toFixed(2)} ×`,
      wanted: "≤ 1.5 ×",
    },
  ]
}
