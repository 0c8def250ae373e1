import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findExpressions } from "../../../effects/nixops/nixops-expressions.ts"

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "alcides-nixops-"))
})
afterEach(async () => rm(root, { recursive: true, force: true }))

async function write(path: string, text = ""): Promise<string> {
  const file = join(root, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  return file
}

describe("findExpressions", () => {
  it("looks where NixOps 1 is installed", async () => {
    const evalMachineInfo = await write("share/nix/nixops/eval-machine-info.nix")
    expect(await findExpressions(await write("bin/nixops"))).toEqual({ evalMachineInfo, plugins: [] })
  })

  it("looks in the Python packages of NixOps 2, and finds its plugins", async () => {
    const site = "lib/python3.12/site-packages"
    const evalMachineInfo = await write(`${site}/nix/eval-machine-info.nix`)
    const plugin = await write(`${site}/nixops_aws/nix/default.nix`)
    await write(`${site}/requests/api.py`)
    expect(await findExpressions(await write("bin/nixops"))).toEqual({ evalMachineInfo, plugins: [dirname(plugin)] })
  })

  it.each(["nixops", ".nixops-wrapped"])("follows what the wrapper %s names", async (script) => {
    const evalMachineInfo = await write("core/lib/python3.12/site-packages/nix/eval-machine-info.nix")
    const plugin = await write("plugin/lib/python3.12/site-packages/nixops_aws/nix/default.nix")
    const sites = ["plugin", "core"].map((name) => `'${root}/${name}/lib/python3.12/site-packages'`)
    const nixops = await write("env/bin/nixops", "#!/bin/sh\n")
    await write(`env/bin/${script}`, `import site; [site.addsitedir(s) for s in [${sites.join(",")}]]\n`)
    expect(await findExpressions(nixops)).toEqual({ evalMachineInfo, plugins: [dirname(plugin)] })
  })
})
