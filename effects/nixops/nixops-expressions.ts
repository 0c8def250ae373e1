import { readdir, readFile, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { usageError } from "alcides"

export type NixOpsExpressions = {
  readonly evalMachineInfo: string
  /** The folders of the plugins' expressions; NixOps 2 only. */
  readonly plugins: readonly string[]
}

/** Where the NixOps that was found keeps its Nix files. Throws `nixops-missing` and `nixops-expressions-missing`. */
export async function findExpressions(nixops: string | undefined): Promise<NixOpsExpressions> {
  if (nixops === undefined) {
    throw usageError({
      code: "nixops-missing",
      message: "nixops is not on PATH",
      hint: "install NixOps, or name its eval-machine-info.nix in the option evalMachineInfo",
    })
  }
  const home = dirname(dirname(nixops))
  const shared = join(home, "share", "nix", "nixops", "eval-machine-info.nix")
  if (await isFile(shared)) return { evalMachineInfo: shared, plugins: [] }
  const sites = [...(await sitePackages(home)), ...(await mentionedSitePackages(nixops))]
  for (const site of sites) {
    const evalMachineInfo = join(site, "nix", "eval-machine-info.nix")
    if (await isFile(evalMachineInfo)) return { evalMachineInfo, plugins: await pluginsIn(sites) }
  }
  throw usageError({
    code: "nixops-expressions-missing",
    message: `there is no eval-machine-info.nix beside ${nixops}`,
    hint: "name it in the option evalMachineInfo",
  })
}

// NixOps 2 is a Python package, and its plugins are packages beside it.
async function sitePackages(home: string): Promise<readonly string[]> {
  const lib = join(home, "lib")
  const pythons = (await list(lib)).filter((name) => name.startsWith("python"))
  return pythons.map((python) => join(lib, python, "site-packages"))
}

// The wrappers that Nixpkgs makes name the packages in the store that they use.
async function mentionedSitePackages(nixops: string): Promise<readonly string[]> {
  const scripts = [nixops, join(dirname(nixops), ".nixops-wrapped")]
  const texts = await Promise.all(scripts.map(async (script) => readFile(script, "latin1").catch(() => "")))
  return [...new Set(texts.flatMap((text) => text.match(/\/[^\s'":;]+\/lib\/python[\d.]+\/site-packages/g) ?? []))]
}

async function pluginsIn(sites: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const site of sites) {
    for (const name of await list(site)) {
      if (await isFile(join(site, name, "nix", "default.nix"))) found.add(join(site, name, "nix"))
    }
  }
  return [...found]
}

async function list(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => [])
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}
