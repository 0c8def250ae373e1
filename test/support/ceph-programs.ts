import { execFile, spawn, type ChildProcess } from "node:child_process"
import { openSync, closeSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Ceph's programs: the installed ones, or those of a Ceph that was only unpacked. */
export type CephPrograms = {
  /** Where plug-ins are; `undefined` for the installed ones. */
  readonly libraries: string | undefined
  /** Runs one to its end. */
  run(name: string, args: readonly string[]): Promise<void>
  /** Starts one that dies with this process, its output in a file of the folder. */
  start(name: string, args: readonly string[]): ChildProcess
}

const multiarch = "usr/lib/x86_64-linux-gnu"

/** For the Ceph whose configuration is `folder`/ceph.conf. */
export function cephPrograms({
  folder,
  root,
}: {
  readonly folder: string
  readonly root: string | undefined
}): CephPrograms {
  const config = ["--conf", join(folder, "ceph.conf")]
  const libraries = root === undefined ? undefined : join(root, multiarch)

  // The loader of the unpacked tree needs neither root nor a chroot. `ceph` itself is Python: the installed one can talk to both.
  const commandLine = (name: string, args: readonly string[]): readonly [string, readonly string[]] => {
    if (root === undefined || libraries === undefined || name === "ceph") return [name, [...args, ...config]]
    const paths = [libraries, join(libraries, "ceph")].join(":")
    return [
      join(root, "lib64/ld-linux-x86-64.so.2"),
      ["--library-path", paths, join(root, "usr/bin", name), ...args, ...config],
    ]
  }

  return {
    libraries,
    async run(name, args) {
      const [file, all] = commandLine(name, args)
      try {
        await run(file, all, { timeout: 60_000 })
      } catch (error) {
        const printed = error instanceof Error && "stderr" in error ? String(error.stderr) : ""
        throw new Error(`${name} ${args.join(" ")} failed: ${printed}`, { cause: error })
      }
    },
    start(name, args) {
      const [file, all] = commandLine(name, args)
      const output = openSync(join(folder, `${name}.out`), "a")
      try {
        return spawn("setpriv", ["--pdeathsig", "KILL", "--", file, ...all, "-f"], {
          stdio: ["ignore", output, output],
        })
      } finally {
        closeSync(output)
      }
    },
  }
}
