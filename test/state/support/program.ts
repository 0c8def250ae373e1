import { spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

export type Ended = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lines: readonly string[]
}

export type Program = {
  /** With these variables besides this process' own. */
  start(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): {
    readonly child: ChildProcess
    readonly ended: Promise<Ended>
    line(text: string): Promise<void>
  }
  remove(): Promise<void>
}

/** Bundles one of the programs beside this file, so that plain Node can run it in a process of its own. */
export async function bundleProgram(name: string): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "alcides-program-"))
  const outfile = join(folder, "program.mjs")
  await build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.11",
    // What comes as CommonJS cannot load Node's own modules from such a bundle.
    mainFields: ["module", "main"],
    logLevel: "silent",
  })
  return {
    start(args, env = {}) {
      const child = spawn(process.execPath, [outfile, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, ...env },
      })
      const lines: string[] = []
      const reader = createInterface({ input: child.stdout })
      reader.on("line", (line) => lines.push(line))
      const ended = new Promise<Ended>((resolve, reject) => {
        child.on("error", reject)
        child.on("close", (code, signal) => resolve({ code, signal, lines }))
      })
      const line = (text: string): Promise<void> =>
        new Promise((resolve, reject) => {
          const look = (): void => (lines.includes(text) ? resolve() : undefined)
          look()
          reader.on("line", look)
          child.on("close", () => reject(new Error(`the program ended without ${text}: ${lines.join("\n")}`)))
        })
      return { child, ended, line }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
