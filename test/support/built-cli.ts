import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))

export type BuiltCli = {
  /** The bin entry, as a bundle of the sources as they are now. */
  readonly path: string
  start(args: readonly string[], options: StartOptions): RunningCli
  remove(): Promise<void>
}

type StartOptions = {
  readonly env: Record<string, string>
  readonly cwd: string
  /** A file that takes the standard output. */
  readonly stdout?: string
}

export type RunningCli = {
  readonly child: ChildProcess
  /** 128+n for a signal. */
  readonly ended: Promise<{ readonly exit: number | NodeJS.Signals; readonly stdout: string; readonly stderr: string }>
}

/** Bundles the command as a release does, so that tests can start, signal and kill it as a real process. */
export async function buildCli(): Promise<BuiltCli> {
  // Below node_modules, so that the packages that stay outside of the bundle are found.
  const cache = join(root, "node_modules", ".cache")
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, "alcides-cli-"))
  await build({
    absWorkingDir: root,
    // A pipeline file finds the library and the effects beside the command.
    entryPoints: { cli: "src/cli/main.ts", index: "src/index.ts", effects: "effects/index.ts" },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.11",
    external: ["esbuild"],
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
  })
  await writeFile(join(folder, "package.json"), '{ "type": "module" }')
  const path = join(folder, "cli.js")
  return {
    path,
    start: (args, { env, cwd, stdout: file }) => {
      const opened = file === undefined ? undefined : openSync(file, "w")
      const child = spawn(process.execPath, [path, ...args], { env, cwd, stdio: ["pipe", opened ?? "pipe", "pipe"] })
      if (opened !== undefined) closeSync(opened)
      const output = Promise.all([child.stdout, child.stderr].map((stream) => textOf(stream)))
      const closed = once(child, "exit")
      return {
        child,
        ended: (async () => {
          const [code, signal]: (number | NodeJS.Signals | null)[] = await closed
          const [stdout = "", stderr = ""] = await output
          return { exit: code ?? signal ?? -1, stdout, stderr }
        })(),
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

// What was read of a stream that the test closed is of no use to it.
async function textOf(stream: Readable | null): Promise<string> {
  return stream === null ? "" : text(stream).catch(() => "")
}
