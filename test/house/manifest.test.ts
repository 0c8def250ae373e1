import { isBuiltin } from "node:module"
import { join } from "node:path"
import { expect, test } from "vitest"
import * as z from "zod"
import { bundleExternals, manifest } from "./manifest.ts"
import { filesBelow, packageOf, read, root, sourcesBelow } from "./sources.ts"

const paths = z
  .object({ compilerOptions: z.object({ paths: z.record(z.string(), z.tuple([z.string()])) }) })
  .parse(JSON.parse(read("tsconfig.json"))).compilerOptions.paths

test("every export is an entry point of the build, and the other way around", () => {
  const block = /input: \{([^}]*)\}/.exec(read(".ci/build.mjs"))?.[1] ?? ""
  const entries = Object.fromEntries(
    [...block.matchAll(/(\w+): "([^"]+)"/g)].map(([, name = "", path = ""]) => [name, path]),
  )
  const { cli, ...library }: Record<string, string> = entries
  expect(cli).toBe("src/cli/main.ts")
  expect(manifest.bin.alcides).toBe("./dist/cli.cjs")
  expect(manifest.exports).toEqual({
    ...Object.fromEntries(
      Object.entries(library).map(([name, path]) => [
        name === "index" ? "." : `./${name}`,
        { types: `./dist/types/${path.replace(/\.ts$/, ".d.ts")}`, default: `./dist/${name}.js` },
      ]),
    ),
    "./package.json": "./package.json",
  })
  expect(paths).toEqual(
    Object.fromEntries(
      Object.entries(library).map(([name, path]) => [name === "index" ? "alcides" : `alcides/${name}`, [`./${path}`]]),
    ),
  )
})

test("dependencies are pinned", () => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  )
  expect(loose).toEqual([])
})

test("the sources import declared dependencies only, and each dependency is used", async () => {
  const sources = [...filesBelow("src", ".ts"), ...filesBelow("effects", ".ts")]
  const imported = await bundleExternals(sources.map((path) => join(root, path)))
  // What is loaded by createRequire is seen in the text alone.
  const required = sourcesBelow("src", "effects").flatMap(({ imports }) =>
    imports.flatMap(({ specifier, file }) => (file === undefined && !isBuiltin(specifier) ? [specifier] : [])),
  )
  const used = new Set([...imported, ...required].map(packageOf))
  used.delete("alcides")
  // A peer of the typed commander, which loads it.
  used.add("commander")
  expect([...used].toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
})

test("actions in workflows are pinned to a commit", () => {
  const uses = filesBelow(".github", ".yml").flatMap((path) =>
    [...read(path).matchAll(/^\s*(?:-\s+)?uses:\s*(\S+)/gm)].map(([, action = ""]) => `${path}: ${action}`),
  )
  expect(uses.length).toBeGreaterThan(0)
  expect(uses.filter((line) => !/: (\.\/\S*|[\w./-]+@[0-9a-f]{40})$/.test(line))).toEqual([])
})
