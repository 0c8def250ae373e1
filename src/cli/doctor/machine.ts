import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dir } from "tmp-promise"
import { AlcidesError } from "../../errors.ts"
import { findProgram, runProgram } from "../../exec.ts"
import { definedOnly } from "../environment.ts"
import type { Io } from "../io.ts"
import type { Finding } from "./finding.ts"

const oldestNode = [20, 11] as const

/** Node, Nix, git and NixOps. */
export async function checkMachine(io: Io): Promise<readonly Finding[]> {
  const findings = await Promise.all([checkNix(io), checkGit(io), checkNixOps(io)])
  return [checkNode(process.versions.node), ...findings.flat()]
}

/** Whether this version of Node is new enough. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const isEnough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
  if (isEnough) return { check: "node", result: "ok", fact: `version ${version}` }
  return {
    check: "node",
    result: "fail",
    fact: `version ${version} is too old`,
    hint: `install Node ${oldestNode.join(".")} or later`,
  }
}

async function checkNix(io: Io): Promise<readonly Finding[]> {
  const version = await ask(io, "nix", ["--version"])
  if (version.outcome !== "answered") {
    return [
      {
        check: "nix",
        result: "fail",
        fact: version.fact,
        hint: "install Nix: https://nixos.org/download (Debian and Ubuntu: apt-get install nix-bin)",
      },
    ]
  }
  const [store, flakes] = await Promise.all([checkNixStore(io), checkFlakes(io)])
  return [{ check: "nix", result: "ok", fact: version.fact }, store, flakes]
}

// Adding a file is the one proof; it is tiny, the same every time, and the next garbage collection takes it.
async function checkNixStore(io: Io): Promise<Finding> {
  const { path } = await dir({ prefix: "alcides-doctor-" })
  try {
    const probe = join(path, "alcides-doctor")
    await writeFile(probe, "alcides doctor\n")
    const added = await ask(io, "nix-store", ["--add", probe])
    if (added.outcome === "answered") return { check: "nix store", result: "ok", fact: "can be written" }
    return {
      check: "nix store",
      result: "fail",
      fact: `cannot be written: ${added.fact}`,
      hint: "start the Nix daemon, or give this user access to /nix",
    }
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

// Alcides turns the features on for its own calls, so they need to exist, not to be configured.
async function checkFlakes(io: Io): Promise<Finding> {
  const features = ["--extra-experimental-features", "nix-command flakes"]
  const answer = await ask(io, "nix", [...features, "eval", "--expr", "builtins ? getFlake"])
  if (answer.outcome === "answered" && answer.fact === "true")
    return { check: "nix flakes", result: "ok", fact: "understood" }
  return {
    check: "nix flakes",
    result: "warn",
    fact: `not understood by this Nix${answer.outcome === "failed" ? `: ${answer.fact}` : ""}`,
    hint: "only effects that deploy a flake need it; they want Nix 2.4 or later",
  }
}

async function checkGit(io: Io): Promise<Finding> {
  const version = await ask(io, "git", ["--version"])
  if (version.outcome === "answered") return { check: "git", result: "ok", fact: version.fact }
  return {
    check: "git",
    result: "warn",
    fact: version.fact,
    hint: "outside a CI, the ref and the project are read with git; without it, give --ref and --project",
  }
}

async function checkNixOps(io: Io): Promise<Finding> {
  const version = await ask(io, "nixops", ["--version"])
  if (version.outcome === "answered") return { check: "nixops", result: "ok", fact: version.fact }
  return { check: "nixops", result: "warn", fact: version.fact, hint: "only runNixOps and runNixOps2 need it" }
}

type Answer = { readonly outcome: "answered" | "failed" | "absent"; /** One line. */ readonly fact: string }

async function ask({ env, cwd, signal }: Io, program: string, args: readonly string[]): Promise<Answer> {
  if (findProgram(program, env["PATH"]) === undefined) return { outcome: "absent", fact: `${program} is not on PATH` }
  const errors: string[] = []
  try {
    const { stdout } = await runProgram(program, args, {
      env: definedOnly(env),
      cwd,
      signal,
      timeout: 30,
      onLine: (line, from) => void (from === "stderr" && errors.push(line)),
    })
    return { outcome: "answered", fact: stdout.trim().split("\n", 1)[0] ?? "" }
  } catch (error) {
    if (!(error instanceof AlcidesError) || error.code === "program-aborted") throw error
    return { outcome: "failed", fact: errors.findLast((line) => line.trim() !== "")?.trim() ?? error.message }
  }
}
