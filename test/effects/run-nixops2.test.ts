import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Effect } from "alcides"
import { runNixOps2 } from "alcides/effects"
import { testEffect, testRepo, type TestEffectOptions } from "alcides/testing"
import { AlcidesError } from "../../src/errors.ts"
import type { Log } from "../../src/log.ts"
import { prebuild } from "../../src/nix/prebuild.ts"
import { nixWorld, type NixWorld } from "../support/nix.ts"
import { networkFolder, nixopsPrograms, type NetworkFolder } from "../support/nixops.ts"

const [, nixops] = nixopsPrograms
const networkWith = (storage: string, lock = "{ }"): string => `{ greeting ? "hello" }:
{
  network.description = greeting;
  network.storage = ${storage};
  network.lock = ${lock};
  web = { config, ... }: {
    deployment.targetEnv = "stand-in";
    environment.etc."motd".text = "\${greeting} \${config.networking.publicIPv4}";
  };
}
`
const stub = `{ web = { lib, ... }: { networking.publicIPv4 = lib.mkForce "192.0.2.1"; }; }`

let world: NixWorld
let folder: NetworkFolder | undefined

beforeAll(async () => {
  world = await nixWorld()
})
afterAll(async () => world.remove())
beforeEach(() => {
  folder = undefined
})
afterEach(async () => folder?.remove())

async function network(files: Readonly<Record<string, string>>) {
  folder = await networkFolder({ "stub.nix": stub, ...files })
  const env = Object.fromEntries(Object.entries(world.env).filter(([name]) => name.startsWith("NIX_")))
  return { src: folder.src, env }
}

const run = async (effect: Effect, options: TestEffectOptions & { readonly before?: string } = {}) =>
  testEffect(effect, { programs: { nixops: `${options.before ?? ""}\nexec ${nixops} "$@"` }, ...options })

async function build(effect: Effect, src: string, warnings: string[] = []) {
  const log: Log = { info: (line) => void warnings.push(line), warn: () => {}, debug: () => {} }
  const env = { ...world.env, PATH: `${dirname(nixops)}:${world.env["PATH"]}` }
  const requests = effect.prebuilt.map((one) => ({ build: one, src }))
  return prebuild(requests, { env, signal: new AbortController().signal, log })
}

async function failureOf(work: () => unknown): Promise<AlcidesError> {
  const error: unknown = await Promise.resolve()
    .then(work)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  if (error instanceof AlcidesError) return error
  throw new Error(`expected an AlcidesError, got ${String(error)}`)
}

describe("runNixOps2", () => {
  it("keeps the state of a network with local storage in a state file", async () => {
    const options = {
      ...(await network({ "nixops.nix": networkWith("{ legacy = { }; }") })),
      networkFiles: ["nixops.nix"],
      stateName: "foo.json",
    }
    const first = await run(runNixOps2({ ...options, name: "foo" }))
    expect(first.error).toBeUndefined()
    expect(Object.keys(first.stateAfter)).toEqual(["foo.json", "nixops-foo.known_hosts"])
    const second = await run(runNixOps2({ ...options, name: "foo" }), { state: first.stateAfter })
    expect(second.error).toBeUndefined()
    expect(second.stateAfter["foo.json"]).toBe(first.stateAfter["foo.json"])
    expect(second.output.join("\n")).not.toContain("creating machine")
  })

  it("keeps nothing when the state is to be forgotten", async () => {
    const options = {
      ...(await network({ "nixops.nix": networkWith("{ memory = { }; }") })),
      networkFiles: ["nixops.nix"],
    }
    const effect = runNixOps2({ ...options, forgetState: true, priorCheck: false })
    expect(effect).toMatchObject({ name: "nixops", state: [] })
    const { error, stateAfter, output } = await run(effect)
    expect(error).toBeUndefined()
    expect(stateAfter).toEqual({})
    expect(output).toContain("web> activation finished successfully")
  })

  it("deploys a flake", async () => {
    const flake = `{ outputs = { self }: { nixopsConfigurations.default = ${networkWith("{ memory = { }; }").replace('{ greeting ? "hello" }:', 'let greeting = "hello"; in')}; }; }`
    const { src, env } = await network({ "flake.nix": flake })
    const effect = runNixOps2({ flake: src, env, forgetState: true, prebuildOnlyModules: [stub], priorCheck: false })
    const [result] = await build(effect, src)
    expect(await readFile(join(result?.outPaths[0] ?? "", "web", "etc", "motd"), "utf8")).toBe("hello 192.0.2.1")
    const { error, output } = await run(effect)
    expect(error).toBeUndefined()
    expect(output).toContain("web> activation finished successfully")
  })

  it("calls nixops with the arguments that it is told", async () => {
    const options = {
      ...(await network({ "nixops.nix": networkWith("{ memory = { }; }") })),
      networkFiles: ["nixops.nix"],
    }
    const effect = runNixOps2({
      ...options,
      forgetState: true,
      action: "build",
      allowReboot: false,
      allowRecreate: false,
      extraDeployArgs: ["--include", "web"],
      priorCheck: false,
    })
    const { output } = await run(effect, { before: 'echo "called $*" >&2' })
    expect(output.filter((line) => line.startsWith("called"))).toEqual([
      "called --version",
      "called deploy --confirm --build-only --include web",
    ])
  })

  it("names the deployment to NixOps when the network keeps its own state", () => {
    const options = { flake: "/src", name: "foo" }
    expect(runNixOps2(options)).toMatchObject({ name: "nixops-foo", env: { NIXOPS_DEPLOYMENT: "foo" }, state: [] })
    expect(runNixOps2({ ...options, stateName: "foo.json" }).env).toEqual({})
  })
})

describe("the prebuild of runNixOps2", () => {
  it("takes arguments, network files and modules for what only a deployment knows", async () => {
    const { src, env } = await network({ "nixops.nix": networkWith("{ memory = { }; }") })
    const common = { src, env, networkFiles: ["nixops.nix"], forgetState: true } as const
    const greeting = { prebuildNetworkArgs: { greeting: "hi" } }
    for (const options of [{ prebuildOnlyNetworkFiles: ["stub.nix"] }, { prebuildOnlyModules: [stub] }]) {
      const [result] = await build(runNixOps2({ ...common, ...greeting, ...options }), src)
      expect(await readFile(join(result?.outPaths[0] ?? "", "web", "etc", "motd"), "utf8")).toBe("hi 192.0.2.1")
    }
  })

  it.each([
    ["{ }", undefined, "the network keeps no state that outlives this run"],
    ["{ legacy = { }; }", undefined, "the network keeps no state that outlives this run"],
    ["{ memory = { }; }", undefined, "the network keeps no state that outlives this run"],
    ["{ hercules-ci = { }; }", "foo.json", "the network must say: network.storage.legacy = { };"],
  ])("refuses network.storage = %s with stateName %s", async (storage, stateName, message) => {
    const { src, env } = await network({ "nixops.nix": networkWith(storage) })
    const options = { src, env, networkFiles: ["nixops.nix"], prebuildOnlyNetworkFiles: ["stub.nix"] }
    const effect = stateName === undefined ? runNixOps2(options) : runNixOps2({ ...options, stateName })
    const failure = await failureOf(() => build(effect, src))
    expect(failure.code).toBe("prebuild-failed")
    expect(failure.detail).toContain(message)
  })

  it("warns of a network without a lock", async () => {
    const said = async (lock: string): Promise<string> => {
      const { src, env } = await network({ "nixops.nix": networkWith("{ s3 = { }; }", lock) })
      const warnings: string[] = []
      const options = { src, env, networkFiles: ["nixops.nix"], prebuildOnlyNetworkFiles: ["stub.nix"] }
      await build(runNixOps2(options), src, warnings)
      await folder?.remove()
      return warnings.join("\n")
    }
    expect(await said("{ }")).toContain("the network sets no remote network.lock")
    expect(await said("{ s3 = { }; }")).not.toContain("network.lock")
  })
})

describe("runNixOps2 refuses", () => {
  const untyped: (options: object) => unknown = (options) => Reflect.apply(runNixOps2, undefined, [options])
  const see = "see docs/effects/run-nixops2.md for the options"

  it.each([
    [
      {},
      "runNixOps2: either flake, or networkFiles and src, must be set",
      'write flake: import.meta.dirname, or networkFiles: ["nixops.nix"], src: import.meta.dirname',
    ],
    [{ flake: "/a", src: "/b" }, "runNixOps2: either flake, or networkFiles and src, must be set", undefined],
    [
      { flake: "/a", networkFiles: ["nixops.nix"] },
      "runNixOps2: either flake, or networkFiles and src, must be set",
      undefined,
    ],
    [{ flake: "." }, "runNixOps2: flake: must be an absolute path, such as import.meta.dirname", see],
    [
      { flake: "/a", action: "build" },
      'runNixOps2: action "build" can corrupt the state in the network\'s remote storage',
      "keep the state with stateName, or see makeAnException in docs/effects/run-nixops2.md",
    ],
    [
      { flake: "/a", stateName: "a", forgetState: true },
      "runNixOps2: the state is either kept in stateName or forgotten",
      undefined,
    ],
    [
      { flake: "/a", extraDeployArg: [] },
      "runNixOps2: there is no option extraDeployArg",
      "did you mean extraDeployArgs?",
    ],
    [
      { flake: "/a", name: "foo", action: "bild" },
      'runNixOps2 foo: action "bild" is none of switch, dry-run, plan, build, create, copy, dry-activate, test, boot',
      "did you mean build?",
    ],
  ])("%o", async (options, message, hint) => {
    const failure = await failureOf(() => untyped(options))
    expect(failure).toMatchObject({ code: "effect-invalid", exit: 2, message })
    if (hint !== undefined) expect(failure.hint).toBe(hint)
  })

  it("a network file that is not there", async () => {
    const { src, env } = await network({})
    const effect = runNixOps2({ src, env, networkFiles: ["nixops.nix"] })
    expect(await failureOf(() => effect.validate?.({ repo: testRepo(), src }))).toMatchObject({
      code: "network-file-missing",
      exit: 2,
    })
  })
})
