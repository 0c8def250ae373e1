import { spawnSync } from "node:child_process"
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runCli } from "../support/io.ts"
import { nixWorld, type NixWorld } from "../support/nix.ts"
import { networkFolder, nixopsPrograms, type NetworkFolder } from "../support/nixops.ts"

const example = fileURLToPath(new URL("../../examples/neat-network/", import.meta.url))
const secret = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdA"

let world: NixWorld
let folder: NetworkFolder
let env: Record<string, string>
let repository: string

beforeAll(async () => {
  world = await nixWorld()
  folder = await networkFolder({})
  repository = join(folder.src, "repository")
  await mkdir(repository)
  for (const name of ["ci.ts", "network.nix", "network-aws.nix", "network-stub.nix"]) {
    await copyFile(join(example, name), join(repository, name))
  }
  const secrets = await readFile(join(example, "secrets.json"), "utf8")
  await writeFile(join(folder.src, "secrets.json"), secrets.replace("an example, and no secret at all", secret))
  git("init", "-q", "-b", "feature")
  git("remote", "add", "origin", "https://github.com/neat-org/neat-repo.git")
  git("add", ".")
  git("-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "-qm", "A neat network")
  env = {
    ...world.env,
    PATH: `${dirname(nixopsPrograms[0])}:${world.env["PATH"]}`,
    TMPDIR: folder.src,
    ALCIDES_STATE: `file:${join(folder.src, "state")}`,
    ALCIDES_SECRETS_JSON: join(folder.src, "secrets.json"),
  }
})
afterAll(async () => {
  await folder.remove()
  await world.remove()
})

function git(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("git", args, { cwd: repository, encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
}

const alcides = async (...args: readonly string[]) => runCli(args, { cwd: repository, env })

// The steps build on each other, as they do for a user.
describe("the example neat-network", () => {
  it("builds on a feature branch, and says why it does not run", async () => {
    const { exit, stdout, stderr } = await alcides("plan", "--build")
    expect({ exit, stderr }).toMatchObject({ exit: 0, stderr: expect.stringContaining("everything builds") })
    expect(stdout).toContain('repo.ref === "refs/heads/production" is false')
    expect(stdout).toContain("a new deployment will be created")
    expect((await alcides("state", "list")).stdout).not.toContain("nixops-foo.json")
  })

  it("deploys on production, and masks what the network prints", async () => {
    const { exit, stdout, stderr } = await alcides("run", "--branch", "production")
    expect(exit, stderr).toBe(0)
    expect(stderr).toContain("signing in as *** with ***")
    expect(stdout + stderr).not.toContain(secret)
    expect(stdout + stderr).not.toContain("PRIVATE KEY")
    expect((await alcides("state", "list")).stdout).toMatch(/^nixops-foo\.json +1 /m)
  })

  it("finds its machines again", async () => {
    const { exit, stderr } = await alcides("run", "--branch", "production")
    expect(exit, stderr).toBe(0)
    expect(stderr).toContain("added deployment")
    expect(stderr).not.toContain("creating machine")
  })

  it("finds a mistake before anything runs", async () => {
    const network = join(repository, "network.nix")
    await writeFile(network, (await readFile(network, "utf8")).replace("nodes.database", "nodes.databse"))
    const { exit, stderr } = await alcides("run", "--branch", "production")
    expect(exit).toBe(1)
    expect(stderr).toMatch(/network foo \(network\.nix:\d+:\d+\)/)
    expect(stderr).not.toContain("neat-network>")
  })
})
