import { spawnSync } from "node:child_process"
import { access, chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { constants } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type NixWorld = {
  /** Everything that Nix programs need: a store of its own, no substituters, no build users. */
  readonly env: Record<string, string>
  readonly root: string
  /** Removes the store and all else. */
  remove(): Promise<void>
}

/**
 * A private Nix store below a temporary folder, for the `nix` on PATH: the machine's own /nix is neither used nor made.
 * Builders find a shell with the usual tools as /bin/sh.
 */
export async function nixWorld(): Promise<NixWorld> {
  const root = await mkdtemp(join(tmpdir(), "alcides-nix-"))
  const busybox = await firstThatExists(["/bin/busybox", "/usr/bin/busybox"])
  const settings = [
    "experimental-features = nix-command flakes",
    "substituters =",
    "build-users-group =",
    ...(busybox === undefined
      ? ["sandbox = false"]
      : ["sandbox = true", "sandbox-fallback = true", `sandbox-paths = /bin/sh=${busybox} /bin/busybox=${busybox}`]),
    "build-poll-interval = 1",
  ]
  await Promise.all(["conf", "home"].map(async (dir) => mkdir(join(root, dir))))
  await writeFile(join(root, "conf", "nix.conf"), `${settings.join("\n")}\n`)
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: join(root, "home"),
    XDG_CACHE_HOME: join(root, "cache"),
    NIX_CONF_DIR: join(root, "conf"),
    NIX_STORE_DIR: join(root, "store"),
    NIX_STATE_DIR: join(root, "var"),
    NIX_LOG_DIR: join(root, "log"),
  }
  // Two first uses of one virgin store at once would trip over each other.
  const made = spawnSync("nix-store", ["--init"], { env, encoding: "utf8" })
  if (made.status !== 0) throw new Error(`nix-store --init: ${made.error?.message ?? made.stderr}`)
  return {
    env,
    root,
    async remove() {
      await makeWritable(root)
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** The environment alone, for tests that share one world and never remove it themselves. */
export async function nixEnv(): Promise<Record<string, string>> {
  shared ??= nixWorld()
  const world = await shared
  return world.env
}

let shared: Promise<NixWorld> | undefined

/** Ends what `nixEnv` began; for `afterAll`. */
export async function removeNixEnv(): Promise<void> {
  const world = await shared
  shared = undefined
  await world?.remove()
}

async function firstThatExists(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return undefined
}

// Folders in a store are read-only, which stops everybody but root from emptying them.
async function makeWritable(dir: string): Promise<void> {
  await chmod(dir, 0o700)
  const entries = await readdir(dir, { withFileTypes: true })
  await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map(async ({ name }) => makeWritable(join(dir, name))),
  )
}
