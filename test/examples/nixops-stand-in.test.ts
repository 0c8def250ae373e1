import { spawnSync } from "node:child_process"
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as z from "zod"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { nixWorld, type NixWorld } from "../support/nix.ts"
import { networkFolder, nixopsPrograms, twoMachines, type NetworkFolder } from "../support/nixops.ts"

const exportSchema = z.record(
  z.string(),
  z.looseObject({
    name: z.optional(z.string()),
    args: z.optional(z.string()),
    configsPath: z.optional(z.string()),
    resources: z.record(z.string(), z.record(z.string(), z.string())),
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
  const { src } = folder
  env = { ...world.env, HOME: src, NIXOPS_STATE: join(src, "a.nixops"), NIXOPS_STAND_IN_CLOUD: join(src, "cloud") }
})
afterEach(async () => folder.remove())

type Call = { readonly input?: string; readonly env?: Record<string, string>; readonly program?: string }

function nixops(args: readonly string[], { input = "", env: more = {}, program = nixopsPrograms[0] }: Call = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder.src,
    env: { ...env, ...more },
    input,
    encoding: "utf8",
  })
  return { status, stdout, stderr }
}

function good(args: readonly string[], call: Call = {}): string {
  const { status, stdout, stderr } = nixops(args, call)
  if (status !== 0) throw new Error(`nixops ${args.join(" ")}: ${status}\n${stderr}`)
  return stdout
}

function onlyDeployment() {
  const [entry] = Object.entries(exportSchema.parse(JSON.parse(good(["export"]))))
  if (entry === undefined) throw new Error("nothing was exported")
  return { uuid: entry[0], ...entry[1] }
}

const create = (...files: readonly string[]) =>
  good(["create", "-d", "foo", "network.nix", "network-cloud.nix", ...files]).trim()

describe("the NixOps stand-in", () => {
  it("says at each run that it is a stand-in, apart from its answer", () => {
    const { status, stdout, stderr } = nixops(["--version"])
    expect({ status, stdout }).toEqual({ status: 0, stdout: "NixOps 1.7-stand-in\n" })
    expect(stderr).toBe("nixops: a stand-in for NixOps 1: it builds with Nix, and deploys to nowhere\n")
  })

  it("builds the machines with Nix, from all that is known of them", async () => {
    create()
    good(["deploy", "--confirm"])
    const { configsPath, resources } = onlyDeployment()
    expect(await readFile(join(configsPath ?? "", "web", "etc", "motd"), "utf8")).toBe("hello, served at 203.0.113.11")
    expect(await readFile(join(configsPath ?? "", "db", "hostname"), "utf8")).toBe("db\n")
    expect(resources["web"]).toMatchObject({ type: "stand-in", index: "1", state: "3", publicIpv4: "203.0.113.11" })
  })

  it("exports what another state file can import", async () => {
    const uuid = create()
    good(["set-args", "--arg", "greeting", '"a " + "b"', "--argstr", "other", 'c"${d}'])
    good(["set-args", "--unset", "other"])
    good(["deploy", "--confirm"])
    const exported = good(["export"])
    expect(onlyDeployment()).toMatchObject({ uuid, name: "foo", args: JSON.stringify({ greeting: '"a " + "b"' }) })

    const elsewhere = { env: { NIXOPS_STATE: join(folder.src, "b.nixops") } }
    await rm(join(folder.src, ".ssh"), { recursive: true })
    expect(good(["import"], { ...elsewhere, input: exported })).toBe("")
    await expect(readFile(join(folder.src, ".ssh", "known_hosts"))).rejects.toThrow("ENOENT")
    expect(good(["export"], elsewhere)).toBe(exported)
    expect(nixops(["import"], { ...elsewhere, input: exported })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`state file already contains a deployment with UUID ‘${uuid}’`),
    })
    good(["import", "--include-keys"], { env: { NIXOPS_STATE: join(folder.src, "c.nixops") }, input: exported })
    const knownHosts = await readFile(join(folder.src, ".ssh", "known_hosts"), "utf8")
    expect(knownHosts.trim().split("\n")).toHaveLength(4)
  })

  it("keeps what was made when a machine fails", async () => {
    await writeFile(join(folder.src, "broken.nix"), "{ web.deployment.standIn.fails = true; }")
    create("broken.nix")
    expect(nixops(["deploy", "--confirm"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("error: the provider could not start ‘web’"),
    })
    const { resources } = onlyDeployment()
    expect(resources["db"]?.["vmId"]).toMatch(/^i-/)
    expect(resources["web"]).toMatchObject({ type: "stand-in", creationTime: expect.any(String) })
    expect(await readdir(join(folder.src, "cloud"))).toEqual([resources["db"]?.["vmId"]])
  })

  it("finds that a machine has disappeared, and makes it again only when that is allowed", async () => {
    create()
    good(["deploy", "--confirm"])
    const before = onlyDeployment().resources["web"]?.["vmId"] ?? ""
    await rm(join(folder.src, "cloud", before))
    expect(nixops(["check"])).toMatchObject({ status: 1, stdout: "db: exists\nweb: does not exist\n" })
    expect(nixops(["deploy", "--confirm"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("--allow-recreate"),
    })
    good(["deploy", "--confirm", "--allow-recreate"])
    expect(onlyDeployment().resources["web"]?.["vmId"]).not.toBe(before)
    expect(nixops(["check"]).status).toBe(0)
  })

  it("reboots only when that is allowed", async () => {
    await writeFile(join(folder.src, "kernel.nix"), "{ db.deployment.standIn.needsReboot = true; }")
    create("kernel.nix")
    expect(nixops(["deploy", "--confirm"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("--allow-reboot"),
    })
    expect(nixops(["deploy", "--confirm", "--allow-reboot"]).status).toBe(0)
  })

  it("records a path that nobody built in a dry run, as NixOps does", () => {
    create()
    good(["deploy", "--confirm", "--create-only"])
    good(["deploy", "--confirm", "--dry-run"])
    expect(onlyDeployment().configsPath).toBe("")
  })

  it("needs the credentials that a machine asks for", async () => {
    await writeFile(
      join(folder.src, "paid.nix"),
      '{ web.deployment.standIn = { profile = "default"; printsCredentials = true; }; }',
    )
    create("paid.nix")
    expect(nixops(["deploy"]).stderr).toContain("error: no credentials for profile ‘default’ in ~/.aws/credentials")
    const credentials =
      "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = id\naws_secret_access_key = key\n"
    await writeFile(join(folder.src, "credentials"), credentials)
    spawnSync("sh", ["-c", "mkdir .aws && mv credentials .aws"], { cwd: folder.src })
    expect(good(["deploy"])).toBe("web> signing in as id with key\n")
  })

  it("destroys and deletes", async () => {
    create()
    good(["deploy", "--confirm"])
    expect(nixops(["delete"]).stderr).toContain("cannot delete this deployment because it still has resources")
    expect(nixops(["destroy"]).stderr).toContain("destroying takes ‘--confirm’")
    good(["destroy", "--confirm"])
    expect(await readdir(join(folder.src, "cloud"))).toEqual([])
    good(["delete"])
    expect(good(["list"])).toBe("")
  })

  it.each([
    [["deploy", "--dryrun"], "unrecognized arguments: --dryrun"],
    [["deploy", "web"], "unrecognized arguments: web"],
    [["set-args", "--arg", "one"], "argument --arg: expected 2 argument(s)"],
    [["deploi"], "argument operation: invalid choice: 'deploi'"],
    [[], "the following arguments are required: operation"],
  ])("refuses %j", (args, message) => {
    expect(nixops(args)).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining(message) })
  })

  it.each([
    [["export"], "could not find specified deployment in state file"],
    [["create"], "you must specify the path to a Nix expression"],
    [["create", "-d", "1x", "network.nix"], "invalid deployment name ‘1x’"],
    [["export", "-s", "state.json"], "should have extension ‘.nixops’"],
  ])("answers %j with an error", (args, message) => {
    expect(nixops(args)).toMatchObject({ status: 1, stderr: expect.stringContaining(message) })
  })

  it("asks which of several deployments is meant", () => {
    const first = create()
    good(["create", "-d", "bar", "network.nix"])
    expect(nixops(["export"]).stderr).toContain("state file contains multiple deployments")
    expect(Object.keys(exportSchema.parse(JSON.parse(good(["export", "-d", "foo"]))))).toEqual([first])
    expect(good(["export"], { env: { NIXOPS_DEPLOYMENT: first.slice(0, 8) } })).toContain(first)
    expect(Object.keys(exportSchema.parse(JSON.parse(good(["export", "--all"]))))).toHaveLength(2)
  })
})

describe("its evaluation", () => {
  const evaluate = async (more: string, option = "services") => {
    await writeFile(join(folder.src, "more.nix"), more)
    create("more.nix")
    return nixops(["show-option", "web", option])
  }

  it("merges sets, lists, defaults, conditions and priorities", async () => {
    const { stdout } = await evaluate(`{
      defaults = { lib, ... }: { services.web = { ports = [ 80 ]; theme = lib.mkDefault "plain"; }; };
      web = { lib, ... }: {
        imports = [ { services.web.ports = [ 443 ]; } ];
        services = lib.mkMerge [ { web.theme = "dark"; } (lib.mkIf false { web.theme = "odd"; }) ];
      };
    }`)
    expect(JSON.parse(stdout)).toEqual({ web: { database: "db", ports: [443, 80], theme: "dark" } })
  })

  it.each([
    [
      '{ web.services.web.database = "other"; }',
      "The option `services.web.database' has conflicting definition values:",
    ],
    ["{ web = { pkgs }: { }; }", "called with unexpected argument"],
    ["{ web = { unheardOf, ... }: { }; }", "called without required argument 'unheardOf'"],
  ])("fails for %s", async (more, message) => {
    const { status, stderr } = await evaluate(more)
    expect(status).toBe(1)
    expect(stderr).toContain(message)
    expect(stderr).toContain("error: evaluation of the deployment specification failed")
  })

  it("knows the options of a machine when it builds it", async () => {
    await writeFile(join(folder.src, "typo.nix"), "{ db.servces.x = 1; }")
    create("typo.nix")
    expect(nixops(["deploy"]).stderr).toContain("The option `servces' of machine `db' does not exist.")
  })

  it("follows require, and hands over name, uuid and resources", async () => {
    await writeFile(join(folder.src, "required.nix"), "{ web.services.required = true; }")
    const { stdout } = await evaluate(`{
      require = [ ./required.nix ];
      resources.keyPairs.main = { name, ... }: { label = name; };
      web = { name, resources, deploymentName, ... }: {
        services.told = "\${name} \${deploymentName} \${resources.keyPairs.main.label}";
      };
    }`)
    expect(JSON.parse(stdout)).toMatchObject({ required: true, told: "web foo main" })
  })
})
