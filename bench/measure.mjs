import { spawn, spawnSync } from "node:child_process"
import { mkdir, writeFile } from "node:fs/promises"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const cli = fileURLToPath(new URL("../dist/cli.cjs", import.meta.url))

/** A command line of ours, in the folder and with the store of the bench. */
export const alcides = (folder, args) => ({
  program: process.execPath,
  args: [cli, ...args],
  cwd: folder,
  env: {
    PATH: process.env.PATH,
    HOME: join(folder, "home"),
    TMPDIR: folder,
    ALCIDES_STATE: `file://${join(folder, "store")}`,
    ALCIDES_PROJECT: "github/neat-org/neat-repo",
  },
})

/** What everything is measured against: Node alone. */
export const bareNode = { program: process.execPath, args: ["-e", "0"], env: { PATH: process.env.PATH } }

/** The wall times of some commands in milliseconds, each round running all of them in turn, after one round that is not counted. */
export function race(commands, rounds) {
  const times = commands.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { program, args, cwd, env, input }] of commands.entries()) {
      const began = process.hrtime.bigint()
      const { status, stderr, error } = spawnSync(program, args, { cwd, env, input, stdio: ["pipe", "ignore", "pipe"] })
      const took = Number(process.hrtime.bigint() - began) / 1e6
      if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}: ${error ?? stderr}`)
      if (round > 0) times[index].push(took)
    }
  }
  return times.map((all) => {
    const sorted = all.toSorted((a, b) => a - b)
    return { min: sorted[0], median: sorted[sorted.length >> 1] }
  })
}

/** Runs one command with the given standard streams; returns its wall time and its peak memory in bytes. */
export async function peak({ program, args, cwd, env }, stdio = ["ignore", "ignore", "inherit"]) {
  const began = performance.now()
  const child = spawn(program, args, { cwd, env, stdio })
  let high = 0
  const look = () => {
    try {
      high = Math.max(
        high,
        1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0),
      )
    } catch {
      // It has ended meanwhile.
    }
  }
  const timer = setInterval(look, 10)
  look()
  const status = await new Promise((resolve) => child.on("close", resolve))
  clearInterval(timer)
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}`)
  return { ms: performance.now() - began, bytes: high }
}

/** Of some commands that take long, each round running all of them in turn: the median and the least wall time, and the most memory. */
export async function peaks(commands, rounds, { uncounted = 0, before = async () => {} } = {}) {
  const runs = commands.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, command] of commands.entries()) {
      await before()
      const run = await peak(command, ["ignore", "ignore", "ignore"])
      if (round >= uncounted) runs[index].push(run)
    }
  }
  return runs.map((all) => {
    const sorted = all.map(({ ms }) => ms).toSorted((a, b) => a - b)
    return { ms: sorted[sorted.length >> 1], least: sorted[0], bytes: Math.max(...all.map(({ bytes }) => bytes)) }
  })
}

/** A git repository with a pipeline of that many effects that do nothing. */
export async function pipelineRepository(folder, effects) {
  const repository = join(folder, `pipeline-${effects}`)
  await mkdir(repository, { recursive: true })
  await writeFile(
    join(repository, "ci.ts"),
    `import { mkEffect, pipeline } from "alcides"
import { runIf } from "alcides/effects"

export default pipeline(({ repo }) =>
  Object.fromEntries(
    Array.from({ length: ${effects} }, (_, n) => [
      \`effect-\${n}\`,
      runIf(
        repo.ref === "refs/heads/main",
        mkEffect({ name: \`effect-\${n}\`, inputs: ["git"], effect: () => {} }),
      ),
    ]),
  ),
)
`,
  )
  const git = (...args) => {
    const { status, stderr } = spawnSync("git", args, {
      cwd: repository,
      env: { PATH: process.env.PATH, HOME: folder },
    })
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`)
  }
  git("init", "--quiet", "--initial-branch=main")
  git("add", ".")
  git(
    "-c",
    "user.name=bench",
    "-c",
    "user.email=bench@localhost",
    "commit",
    "--quiet",
    "--allow-empty",
    "--message",
    "pipeline",
  )
  return repository
}
