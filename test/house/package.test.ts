import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import nodeModule from "node:module"
import { basename, join } from "node:path"
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

test("commands that only read load few files, no bigger than they have to be", async () => {
  const home = join(copy.path, "home")
  const report = join(copy.path, "report.cjs")
  await writeFile(
    report,
    `process.on("exit", () => {
  const own = process.moduleLoadList.flatMap((entry) => /^NativeModule ([a-z][^/]*(?:\\/promises)?)$/.exec(entry)?.[1] ?? [])
  require("node:fs").writeSync(2, JSON.stringify({ files: Object.keys(require.cache), own }))
})
`,
  )
  const run = (options: readonly string[], ...args: readonly string[]) =>
    spawnSync(process.execPath, [...options, join(copy.path, "dist/cli.cjs"), ...args], {
      encoding: "utf8",
      input: "content",
      env: { HOME: home, PATH: process.env["PATH"], ALCIDES_PROJECT: "a/b/c", ALCIDES_STATE: `file:${home}/store` },
    })
  const loadedBy = async (...args: readonly string[]) => {
    const ran = run(["--require", report], ...args)
    expect(ran).toMatchObject({ status: 0 })
    const { files, own } = z
      .object({ files: z.array(z.string()), own: z.array(z.string()) })
      .parse(JSON.parse(ran.stderr))
    const loaded = files.filter((path) => path !== report)
    const sizes = await Promise.all(loaded.map(async (path) => (await stat(path)).size))
    return {
      stdout: ran.stdout,
      own,
      names: loaded.map((path) => basename(path).replace(/-.*/, "")),
      bytes: sizes.reduce((sum, size) => sum + size, 0),
    }
  }
  expect(run([], "state", "put", "--name", "a.json", "--file", "-")).toMatchObject({ status: 0 })

  const get = await loadedBy("state", "get", "--name", "a.json", "--file", "-")
  expect(get.stdout).toBe("content")
  expect(get.names).toEqual(["cli.cjs", "rolldown", "start"])
  // A module that all commands import by mistake shows here; each 20 KB cost every command a millisecond.
  expect(get.bytes).toBeLessThan(138_000)
  // To load it costs as much as commander.
  expect(get.own).not.toContain("child_process")
  for (const command of ["state list", "state history --name a.json", "lock list --json"]) {
    const { names, bytes } = await loadedBy(...command.split(" "))
    // What runs effects is twice as large as all the rest.
    expect(names, command).not.toContain("engine")
    expect(bytes, command).toBeLessThan(155_000)
  }
  // From version 22.8 on, Node keeps what it compiled.
  expect(existsSync(join(home, ".cache/alcides"))).toBe("enableCompileCache" in nodeModule)
})

test("what S3 with keys needs not, the other sources of credentials, is there, and loaded by those who use it", async () => {
  const chunks = join(copy.path, "dist", "chunks")
  const names = await readdir(chunks)
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(chunks, name), "utf8")] as const),
  )
  const holding = (text: string) => texts.filter(([, content]) => content.includes(text)).map(([name]) => name)
  const [sdk = "", ...more] = holding("ListMultipartUploads").filter((name) => name.startsWith("sdk-"))
  expect(more).toEqual([])
  // Each 100 KB cost every command at an s3: store ten milliseconds.
  expect((await stat(join(chunks, sdk))).size).toBeLessThan(300_000)
  const sources = [
    "AssumeRoleWithWebIdentity",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "credential_process",
    "sso_session",
  ]
  for (const source of sources) {
    expect(holding(source), source).not.toEqual([])
    expect(holding(source), source).not.toContain(sdk)
  }
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
