// Bundles the library, the effects, the test helpers and the command in one go, so that they share one copy of every class.
import { spawnSync } from "node:child_process"
import { chmod, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "rolldown"
import { chunkOf, commanderStartsNothing, ownZodMini } from "./start-up.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const sources = (...paths) => paths.map((path) => join(root, "src", path))
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"))

const { output } = await build({
  cwd: root,
  input: {
    index: "src/index.ts",
    effects: "effects/index.ts",
    testing: "src/testing/index.ts",
    cli: "src/cli/main.ts",
  },
  platform: "node",
  // esbuild carries a native program, so it stays a package of its own; the rest is bundled because start-up counts.
  external: ["esbuild"],
  resolve: {
    alias: { alcides: join(root, "src/index.ts") },
    // Of CommonJS nothing can be left out, and what it would load later is in the same chunk: AWS's SDK would be twice as large.
    mainFields: ["module", "main"],
  },
  plugins: [ownZodMini, commanderStartsNothing],
  transform: { target: "node20.11", define: { ALCIDES_VERSION: JSON.stringify(version) } },
  // The version is text where it is used, instead of a file of its own.
  optimization: { inlineConst: { mode: "all", pass: 2 } },
  preserveEntrySignatures: "allow-extension",
  // Several commands share modules that each of them loads when it is typed.
  checks: { ineffectiveDynamicImport: false },
  output: {
    dir: join(root, "dist"),
    cleanDir: true,
    // Node loads CommonJS in half the time of ES modules: no second loader is started, and no namespaces are made of its own modules.
    format: "cjs",
    minify: true,
    entryFileNames: "[name].cjs",
    chunkFileNames: "chunks/[name]-[hash].cjs",
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        chunkOf("start", { roots: sources("cli/start.ts", "cli/state.ts", "cli/state/get.ts"), priority: 2 }),
        // What commands share that run nothing: without these, most would load all that `alcides run` needs.
        chunkOf("text", {
          roots: sources("cli/table.ts", "cli/size.ts", "cli/time.ts", "cli/confirm.ts", "log.ts"),
          priority: 1,
        }),
        chunkOf("lease", {
          roots: sources("state/locks/lease.ts", "state/locks/surrounding-lease.ts", "cli/lock/waiting.ts"),
          priority: 1,
        }),
        chunkOf("sdk", { roots: sources("state/drivers/s3/sdk.ts"), priority: 1 }),
        chunkOf("zod", { roots: sources("schema.ts"), priority: 1 }),
        chunkOf("engine", { roots: sources("index.ts", "cli/run.ts"), except: sources("index.ts", "cli/run.ts") }),
      ],
    },
  },
})
await chmod(join(root, "dist/cli.cjs"), 0o755)

// To those who import it, the library is ES modules. With `import`, Node would first search the file for the names it exports.
for (const { name, exports, isEntry } of output) {
  if (isEntry === true && name !== "cli")
    await writeFile(
      join(root, `dist/${name}.js`),
      `import { createRequire } from "node:module"
export const { ${exports.join(", ")} } = createRequire(import.meta.url)("./${name}.cjs")
`,
    )
}

if (!process.argv.includes("--no-types")) {
  const types = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      join(root, ".ci/tsconfig.types.json"),
      "--emitDeclarationOnly",
      "--outDir",
      join(root, "dist/types"),
    ],
    { stdio: "inherit", cwd: root },
  )
  if (types.status !== 0) process.exit(types.status ?? 1)
}
