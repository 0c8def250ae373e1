import { existsSync } from "node:fs"
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as z from "zod"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Effect } from "alcides"
import { runNixOps } from "alcides/effects"
import { testEffect, testRepo, type TestEffectOptions } from "alcides/testing"
import { AlcidesError } from "../../src/errors.ts"
import { silentLog } from "../../src/log.ts"
import { prebuild } from "../../src/nix/prebuild.ts"
import { nixWorld, type NixWorld } from "../support/nix.ts"
import {
  networkFolder,
  nixopsPrograms,
  standInExpressions,
  twoMachines,
  type NetworkFolder,
} from "../support/nixops.ts"

const [nixops] = nixopsPrograms
const networkFiles = ["network.nix", "network-cloud.nix"]
const exportSchema = z.record(
  z.string(),
  z.looseObject({
    description: z.optional(z.string()),
    configsPath: z.optional(z.string()),
    resources: z.record(z.string(), z.looseObject({ vmId: z.optional(z.string()), toplevel: z.optional(z.string()) })),
  }),
)

let world: NixWorld
let folder: NetworkFolder
let env: Record<string, string>

beforeAll(async () => {
  world = await nixWorld()
})
afterAll(async () => world.remove())
beforeEach(async () => {
  folder = await networkFolder(twoMachines)
  const nix = Object.entries(world.env).filter(([name]) => name.startsWith("NIX_"))
  env = { ...Object.fromEntries(nix), NIXOPS_STAND_IN_CLOUD: join(folder.src, "cloud") }
})
afterEach(async () => folder.remove())

const network = () => ({ name: "foo", src: folder.src, networkFiles, env })

// The script may look at "$@" first.
const programs = (before = "") => ({ programs: { nixops: `${before}\nexec ${nixops} "$@"` } })

const run = async (effect: Effect, options: TestEffectOptions = {}) => testEffect(effect, { ...programs(), ...options })

function deploymentIn(state: Readonly<Record<string, string>>, name = "nixops-foo.json") {
  const [entry] = Object.entries(exportSchema.parse(JSON.parse(state[name] ?? "{}")))
  if (entry === undefined) throw new Error(`no deployment in ${name}`)
  return { uuid: entry[0], ...entry[1] }
}

async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<AlcidesError> {
  const error: unknown = await Promise.resolve()
    .then(() => (typeof work === "function" ? work() : work))
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  if (error instanceof AlcidesError) return error
  throw new Error(`expected an AlcidesError, got ${String(error)}`)
}

describe("runNixOps", () => {
  it("creates a deployment, and finds it again the next time", async () => {
    const first = await run(runNixOps(network()))
    expect(first.error).toBeUndefined()
    const created = deploymentIn(first.stateAfter)
    expect(Object.keys(created.resources)).toEqual(["db", "web"])
    expect(first.stateAfter["nixops-foo.known_hosts"]).toMatch(/^203\.0\.113\.10 ssh-ed25519 \S+$/m)
    expect(first.output).toContain("NixOps 1.7-stand-in")
    expect(first.stateAfter["nixops-foo.json"]).toContain("PRIVATE KEY")
    expect(first.output.join("\n")).not.toContain("PRIVATE KEY")

    const second = await run(runNixOps(network()), { state: first.stateAfter })
    expect(second.error).toBeUndefined()
    const found = deploymentIn(second.stateAfter)
    expect(found.uuid).toBe(created.uuid)
    expect(found.resources["web"]?.vmId).toBe(created.resources["web"]?.vmId)
    expect(second.output.join("\n")).not.toContain("creating machine")
  })

  it("hands networkArgs over exactly as they are", async () => {
    const greeting = "a \"quoted\" ${word}, $${two}, back\\slash, ''single''\nand a line"
    const { stateAfter, error } = await run(runNixOps({ ...network(), networkArgs: { greeting } }))
    expect(error).toBeUndefined()
    expect(deploymentIn(stateAfter).description).toBe(greeting)
  })

  it("uses deployOnlyNetworkFiles for the deployment", async () => {
    await writeFile(join(folder.src, "deploy.nix"), `{ cache = { deployment.targetEnv = "stand-in"; }; }`)
    const { stateAfter } = await run(runNixOps({ ...network(), deployOnlyNetworkFiles: ["deploy.nix"] }))
    expect(Object.keys(deploymentIn(stateAfter).resources)).toEqual(["cache", "db", "web"])
  })

  it("puts back what a deployment that failed half-way has made", async () => {
    await writeFile(join(folder.src, "broken.nix"), "{ web.deployment.standIn.fails = true; }")
    const effect = runNixOps({ ...network(), networkFiles: [...networkFiles, "broken.nix"] })
    const { error, stateAfter } = await run(effect)
    expect(error).toMatchObject({ code: "program-failed", exit: 4 })
    const { resources } = deploymentIn(stateAfter)
    expect(resources["db"]?.vmId).toMatch(/^i-/)
    expect(resources["web"]?.vmId).toBeUndefined()
  })

  it("puts back what a deployment that was ended has made", async () => {
    const controller = new AbortController()
    const ready = join(folder.src, "ready")
    const script = `if [ "$1" = deploy ]; then ${nixops} "$@" --create-only; touch ${ready}; sleep 60; fi`
    const running = run(runNixOps(network()), { ...programs(script), signal: controller.signal })
    await expect.poll(() => existsSync(ready), { timeout: 20_000 }).toBe(true)
    controller.abort(new Error("interrupted"))
    const { error, stateAfter } = await running
    expect(error).toMatchObject({ exit: 4, message: expect.stringContaining("interrupted") })
    expect(deploymentIn(stateAfter).resources["web"]?.vmId).toMatch(/^i-/)
  })

  it.each(["dry-run", "plan", "build"] as const)("%s reads the state and puts nothing back", async (action) => {
    const before = await run(runNixOps(network()))
    // Nobody knows the addresses of a deployment that is not there yet.
    const deployOnlyNetworkFiles = ["network-stub.nix"]
    const effect = runNixOps({ ...network(), action, deployOnlyNetworkFiles, networkArgs: { greeting: "changed" } })
    const after = await run(effect, { state: before.stateAfter })
    expect(after.error).toBeUndefined()
    expect(after.stateAfter).toEqual(before.stateAfter)
    expect(effect.state.map(({ access }) => access)).toEqual(["read", "read"])
    expect(effect.phases.putState).toBeUndefined()

    const fresh = await run(effect)
    expect(fresh.error).toBeUndefined()
    expect(fresh.stateAfter).toEqual({})
  })

  it("says of a dry run that fails that nothing was changed", async () => {
    await writeFile(join(folder.src, "broken.nix"), "{ web.deployment.standIn.fails = ; }")
    const deployOnlyNetworkFiles = ["broken.nix"]
    const { error } = await run(runNixOps({ ...network(), action: "dry-run", deployOnlyNetworkFiles }))
    expect(error).toMatchObject({ code: "program-failed", exit: 1 })
  })

  it.each(["create", "copy", "dry-activate", "test", "boot"] as const)("%s puts the state back", async (action) => {
    const { error, stateAfter } = await run(runNixOps({ ...network(), action }))
    expect(error).toBeUndefined()
    const { resources } = deploymentIn(stateAfter)
    expect(resources["web"]?.vmId).toMatch(/^i-/)
    expect(resources["web"]?.toplevel !== undefined).toBe(action === "test" || action === "boot")
  })

  it.each([
    ["nothing", "exit 0", "it is empty"],
    ["half an export", `echo '{ "private key'; exit 0`, "it is not JSON"],
    ["no deployment", "echo '{}'; exit 0", "it holds no deployment"],
    [
      "another deployment",
      `echo '{ "11111111-1111-4111-8111-111111111111": { "resources": {} } }'; exit 0`,
      "it is deployment 11111111-1111-4111-8111-111111111111, and",
    ],
  ])("does not put an export that is %s", async (_, script, message) => {
    const before = await run(runNixOps(network()))
    const after = await run(runNixOps(network()), {
      ...programs(`if [ "$1" = export ]; then ${script}; fi`),
      state: before.stateAfter,
    })
    expect(after.stateAfter).toEqual(before.stateAfter)
    expect(after.error).toMatchObject({
      code: "state-not-put",
      exit: 7,
      message: expect.stringContaining(`what nixops exported is not put: ${message}`),
      cause: { code: "nixops-export-invalid" },
    })
    expect(after.output.join("\n")).not.toContain("private key")
  })

  it.each([
    ["text", "hello", "it is not JSON"],
    ["an array", "[]", "it: Invalid input: expected record, received array"],
    ["somebody else's JSON", '{ "version": 4 }', "version: is no UUID of a deployment"],
    [
      "two deployments",
      JSON.stringify({
        "11111111-1111-4111-8111-111111111111": { resources: {} },
        "22222222-2222-4222-8222-222222222222": { resources: {} },
      }),
      "it holds 2 deployments, and must hold one",
    ],
    [
      "a resource without a type",
      JSON.stringify({ "11111111-1111-4111-8111-111111111111": { resources: { web: {} } } }),
      "11111111-1111-4111-8111-111111111111.resources.web.type: Invalid input: expected string, received undefined",
    ],
  ])("refuses a state file that is %s, before anything is changed", async (_, content, why) => {
    const state = { "nixops-foo.json": content }
    const { error, stateAfter, output } = await run(runNixOps(network()), { state })
    expect(error).toMatchObject({
      code: "nixops-state-invalid",
      hint: "choose another stateName, or put back a good version: alcides state rollback",
    })
    expect(error?.message).toContain(
      `version 1 of state file nixops-foo.json is no export of one NixOps deployment: ${why}`,
    )
    expect(stateAfter).toEqual(state)
    expect(output.join("\n")).not.toContain("stand-in")
  })

  it("exports nothing when the deployment could not be opened", async () => {
    const before = await run(runNixOps(network()))
    const after = await run(runNixOps(network()), {
      ...programs(`echo "called $1" >&2; if [ "$1" = import ]; then exit 1; fi`),
      state: before.stateAfter,
    })
    expect(after.error).toMatchObject({ code: "program-failed", exit: 1 })
    expect(after.output).not.toContain("called export")
    expect(after.stateAfter).toEqual(before.stateAfter)
  })

  it("gives NixOps a private database and home", async () => {
    const { output } = await run(runNixOps(network()), programs('echo "$NIXOPS_STATE $HOME" >&2'))
    const [database, home] = (output.find((line) => line.includes("deployments.nixops")) ?? "").split(" ")
    expect(database).not.toContain(process.env["HOME"])
    expect(home).not.toBe(process.env["HOME"])
    await expect(readFile(database ?? "")).rejects.toThrow("ENOENT")
  })

  it.each([
    [{}, "deploy --confirm --allow-reboot --allow-recreate"],
    [{ allowReboot: false }, "deploy --confirm --allow-recreate"],
    [{ allowRecreate: false, action: "boot" }, "deploy --confirm --allow-reboot --boot"],
    [{ action: "build" }, "deploy --confirm --allow-reboot --allow-recreate --build-only"],
  ] as const)("with %o calls nixops %s", async (options, expected) => {
    const { output } = await run(runNixOps({ ...network(), ...options }), programs('echo "called $*" >&2'))
    expect(output.filter((line) => line.startsWith("called deploy"))).toEqual([`called ${expected}`])
  })

  it("checks before and after, unless it is told not to", async () => {
    const checks = async (effect: Effect) => {
      const { output } = await run(effect, programs('echo "called $1" >&2'))
      return output.filter((line) => line === "called check" || line === "my own check")
    }
    expect(await checks(runNixOps(network()))).toEqual(["called check", "called check"])
    expect(await checks(runNixOps({ ...network(), priorCheck: false, effectCheck: false }))).toEqual([])
    const own = runNixOps({ ...network(), priorCheck: false, effectCheck: ({ log }) => log.info("my own check") })
    expect(await checks(own)).toEqual(["my own check"])
    expect(await checks(runNixOps({ ...network(), action: "build" }))).toEqual(["called check"])
  })

  it("fails after the state is safe when the check afterwards fails", async () => {
    const first = await run(runNixOps(network()))
    const script =
      'if [ "$1" = deploy ]; then touch "$HOME/deployed"; fi; if [ "$1" = check ] && [ -e "$HOME/deployed" ]; then exit 16; fi'
    const { error, stateAfter } = await run(runNixOps({ ...network(), networkArgs: { greeting: "new" } }), {
      ...programs(script),
      state: first.stateAfter,
    })
    expect(error?.message).toContain("effectCheck failed")
    expect(deploymentIn(stateAfter).description).toBe("new")
  })

  it("names its state files, and says what it means that they are missing", () => {
    expect(runNixOps({ name: "foo", src: "/src" })).toMatchObject({
      name: "nixops-foo",
      inputs: ["nix", "nixops"],
      state: [
        {
          name: "nixops-foo.json",
          access: "write",
          onMissing: "create",
          missingMeans: "a new deployment will be created",
          mayBeEmpty: false,
        },
        { name: "nixops-foo.known_hosts", access: "write", mayBeEmpty: true },
      ],
      prebuilt: [{ type: "expression", label: "network foo", files: ["/src/network.nix"] }],
    })
    const named = runNixOps({ name: "foo", src: "/src", stateName: "a", knownHostsName: "b", prebuild: false })
    expect(named).toMatchObject({ state: [{ name: "a" }, { name: "b" }], prebuilt: [] })
  })

  it("creates nothing when onMissingState forbids it", async () => {
    const { error, output } = await run(runNixOps({ ...network(), onMissingState: "fail" }))
    expect(error).toMatchObject({ code: "state-missing" })
    expect(output).toEqual([])
  })

  it("passes on what mkEffect takes", () => {
    const effect = runNixOps({
      name: "foo",
      src: "/src",
      lock: "production",
      after: "other",
      timeout: 60,
      passEnv: ["X"],
      inputs: ["git"],
      NIX_PATH: "nixpkgs=/n",
      env: { A: "b" },
    })
    expect(effect).toMatchObject({
      locks: [{ name: "production" }],
      after: ["other"],
      timeout: 60,
      passEnv: ["X"],
      inputs: ["nix", "nixops", "git"],
      env: { NIX_PATH: "nixpkgs=/n", A: "b" },
    })
  })
})

describe("runNixOps refuses", () => {
  const good = { name: "foo", src: "/src" }
  // As a user of JavaScript could write it.
  const untyped: (options: object) => unknown = (options) => Reflect.apply(runNixOps, undefined, [options])

  it.each([
    [
      { ...good, action: "swich" },
      'runNixOps foo: action "swich" is none of switch, dry-run, plan, build, create, copy, dry-activate, test, boot',
      "did you mean switch?",
    ],
    [
      { ...good, action: "dryrun" },
      'runNixOps foo: action "dryrun" is none of switch, dry-run, plan, build, create, copy, dry-activate, test, boot',
      "did you mean dry-run?",
    ],
    [
      { ...good, networkFile: ["a.nix"] },
      "runNixOps foo: there is no option networkFile",
      "did you mean networkFiles?",
    ],
    [
      { ...good, colour: "red" },
      "runNixOps foo: there is no option colour",
      "see docs/effects/run-nixops.md for the options",
    ],
    [
      { name: "foo", src: "." },
      "runNixOps foo: src: must be an absolute path, such as import.meta.dirname",
      "see docs/effects/run-nixops.md for the options",
    ],
    [
      { ...good, networkFiles: [] },
      "runNixOps foo: networkFiles: must name a network file",
      "see docs/effects/run-nixops.md for the options",
    ],
    [
      { ...good, networkArgs: { "a b": 1 } },
      "runNixOps foo: networkArgs.a b: must be a Nix identifier",
      "see docs/effects/run-nixops.md for the options",
    ],
    [
      { ...good, name: "1 2" },
      "runNixOps 1 2: name: must begin with a letter, and hold only letters, digits, `_`, `.` and `-`",
      "see docs/effects/run-nixops.md for the options",
    ],
  ])("%o", async (options, message, hint) => {
    expect(await failureOf(() => untyped(options))).toMatchObject({ code: "effect-invalid", exit: 2, message, hint })
  })

  it.each([
    [
      "absent.nix",
      "network-file-missing",
      /^network file "absent.nix" is not in \S+: ENOENT/,
      "network files are named relative to src",
    ],
    [
      "../network.nix",
      "network-file-outside",
      /^network file "..\/network.nix" lies outside \S+$/,
      "name a file below src, or make src the folder above",
    ],
    ["sub/../../network.nix", "network-file-outside", /lies outside/, undefined],
    ["/etc/passwd", "network-file-outside", /lies outside/, undefined],
    ["link.nix", "network-file-outside", /^network file "link.nix" lies outside/, undefined],
  ])("the network file %s", async (file, code, message, hint) => {
    await symlink("/etc/passwd", join(folder.src, "link.nix"))
    for (const place of ["networkFiles", "prebuildOnlyNetworkFiles", "deployOnlyNetworkFiles"] as const) {
      const effect = runNixOps({ ...network(), [place]: [file] })
      const failure = await failureOf(Promise.resolve(effect.validate?.({ repo: testRepo(), src: folder.src })))
      expect(failure).toMatchObject({ code, exit: 2, message: expect.stringMatching(message) })
      if (hint !== undefined) expect(failure.hint).toBe(hint)
    }
  })

  it("nothing when every file lies in src", async () => {
    await mkdir(join(folder.src, "sub"))
    await writeFile(join(folder.src, "sub", "more.nix"), "{ }")
    await symlink("sub/more.nix", join(folder.src, "inside.nix"))
    const effect = runNixOps({
      ...network(),
      networkFiles: ["network.nix", "./sub/more.nix", "sub/../inside.nix", "sub"],
    })
    await expect(Promise.resolve(effect.validate?.({ repo: testRepo(), src: folder.src }))).resolves.toBeUndefined()
  })
})

describe("the prebuild of runNixOps", () => {
  const build = async (effect: Effect, path = join(nixops, "..")) =>
    prebuild(
      effect.prebuilt.map((one) => ({ build: one, src: folder.src })),
      {
        env: { ...world.env, PATH: `${path}:${world.env["PATH"]}` },
        signal: new AbortController().signal,
        log: silentLog,
      },
    )

  it("builds all machines, with what only the prebuild knows", async () => {
    const effect = runNixOps({
      ...network(),
      prebuildOnlyNetworkFiles: ["network-stub.nix"],
      networkArgs: { greeting: "hi" },
    })
    const [result] = await build(effect)
    const motd = await readFile(join(result?.outPaths[0] ?? "", "web", "etc", "motd"), "utf8")
    expect(motd).toBe("hi, served at 192.0.2.1")
  })

  it("says where the network misses something that only a deployment knows", async () => {
    const failure = await failureOf(build(runNixOps(network())))
    expect(failure.message).toBe("1 of 1 builds did not evaluate: network foo (network.nix:6:59)")
    expect(failure.detail).toContain("error: cannot coerce null to a string")
  })

  it("takes an eval-machine-info.nix that is given", async () => {
    const options = {
      ...network(),
      prebuildOnlyNetworkFiles: ["network-stub.nix"],
      evalMachineInfo: standInExpressions,
    }
    expect(await build(runNixOps(options), "/nowhere")).toHaveLength(1)
  })

  it("needs nixops otherwise", async () => {
    expect(await failureOf(build(runNixOps(network()), "/nowhere"))).toMatchObject({
      code: "nixops-missing",
      exit: 2,
      message: "nixops is not on PATH",
      hint: "install NixOps, or name its eval-machine-info.nix in the option evalMachineInfo",
    })
  })

  it("needs NixOps' expressions beside it", async () => {
    await mkdir(join(folder.src, "bin"))
    await writeFile(join(folder.src, "bin", "nixops"), "#!/bin/sh\n", { mode: 0o755 })
    expect(await failureOf(build(runNixOps(network()), join(folder.src, "bin")))).toMatchObject({
      code: "nixops-expressions-missing",
      exit: 2,
      message: `there is no eval-machine-info.nix beside ${join(folder.src, "bin", "nixops")}`,
      hint: "name it in the option evalMachineInfo",
    })
  })
})
