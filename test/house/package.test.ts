import { spawnSync } from "node:child_process"
import { mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { beforeAll, expect, test } from "vitest"
import * as z from "zod"
import { buildPackage, type BuiltPackage } from "../support/built-package.ts"
import { bundleExternals, manifest } from "./manifest.ts"
import { packageOf, root } from "./sources.ts"

let copy: BuiltPackage

beforeAll(async () => {
  copy = await buildPackage({ types: true })
  return copy.cleanup
})

test("what is built imports declared dependencies only", async () => {
  const files = ["index.js", "effects.js", "testing.js", "cli.cjs"].map((name) => join(copy.path, "dist", name))
  const undeclared = (await bundleExternals(files)).filter(
    (specifier) => !(packageOf(specifier) in manifest.dependencies),
  )
  expect(undeclared).toEqual([])
})

test("a start is one file, and no bigger than it has to be", async () => {
  const chunks = join(copy.path, "dist", "chunks")
  const [start = "", ...more] = (await readdir(chunks)).filter((name) => name.startsWith("start-"))
  expect(more).toEqual([])
  // A module that all commands import by mistake shows here; each 20 KB cost every command a millisecond.
  expect((await stat(join(chunks, start))).size).toBeLessThan(130_000)
})

test("the types of the package import declared dependencies only", async () => {
  const types = join(copy.path, "dist", "types")
  const names = (await readdir(types, { recursive: true })).filter((name) => name.endsWith(".d.ts"))
  const text = await Promise.all(names.map((name) => readFile(join(types, name), "utf8")))
  const specifiers = text.join("\n").matchAll(/(?:from|import\()\s*"([^".][^"]*)"/g)
  const undeclared = [...new Set([...specifiers].map(([, specifier = ""]) => specifier))].filter(
    (specifier) =>
      !specifier.startsWith("node:") &&
      packageOf(specifier) !== "alcides" &&
      !(packageOf(specifier) in manifest.dependencies),
  )
  expect(undeclared).toEqual([])
})

test("the packed package passes publint, and holds nothing but what is built", async () => {
  const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--json"], { cwd: copy.path, encoding: "utf8" })
  const [tarball] = z
    .array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }))
    .parse(JSON.parse(packed.stdout))
  const outside = tarball?.files
    .map(({ path }) => path)
    .filter((path) => !path.startsWith("dist/") && !["package.json", "README.md", "LICENSE"].includes(path))
  expect(outside).toEqual([])
  expect(tarball?.files.filter(({ path }) => /types\/(test|bench|examples)\//.test(path))).toEqual([])

  const content = await readFile(join(copy.path, tarball?.filename ?? ""))
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: new Uint8Array(content).buffer },
  })
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
})

test.each(["index", "effects", "testing"])("to import dist/%s.js does nothing but that", (name) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy.path, `dist/${name}.js`)], {
    encoding: "utf8",
  })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" })
})

test("a project that installs the package compiles against its types, and runs", async () => {
  const user = join(copy.path, "user")
  await mkdir(join(user, "node_modules"), { recursive: true })
  await symlink(copy.path, join(user, "node_modules", "alcides"))
  await writeFile(join(user, "package.json"), JSON.stringify({ name: "user", type: "module" }))
  await writeFile(
    join(user, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        lib: ["es2023"],
        strict: true,
        noEmit: true,
        types: ["node"],
        typeRoots: [join(root, "node_modules", "@types")],
      },
      files: ["ci.ts"],
    }),
  )
  await writeFile(
    join(user, "ci.ts"),
    `import { mkEffect, pipeline } from "alcides"
import { runIf } from "alcides/effects"

export default pipeline(({ repo }) => ({
  hello: runIf(repo.branch === "main", mkEffect({ name: "hello", effect: ({ log }) => log.info("hello") })),
}))
`,
  )
  const checked = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", user], {
    encoding: "utf8",
  })
  expect(checked.stdout).toBe("")

  const planned = spawnSync(process.execPath, [join(copy.path, "dist/cli.cjs"), "plan", "--branch", "main", "--json"], {
    cwd: user,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: user, ALCIDES_PROJECT: "github/neat-org/neat-repo" },
  })
  expect(planned.stderr).toBe("")
  expect(JSON.parse(planned.stdout)).toMatchObject({ effects: [{ id: "hello", runs: true }] })
})
