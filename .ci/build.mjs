// Bundles the library, the effects, the test helpers and the command in one go, so that they share one copy of every class.
import { spawnSync } from "node:child_process"
import { chmod, readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "rolldown"
import { commanderStartsNothing, importsBuiltins, ownZodMini, startChunk } from "./start-up.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"))

await build({
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
  resolve: { alias: { alcides: join(root, "src/index.ts") } },
  plugins: [ownZodMini, commanderStartsNothing, importsBuiltins],
  transform: { target: "node20.11", define: { ALCIDES_VERSION: JSON.stringify(version) } },
  preserveEntrySignatures: "allow-extension",
  // Several commands share modules that each of them loads when it is typed.
  checks: { ineffectiveDynamicImport: false },
  output: {
    dir: join(root, "dist"),
    cleanDir: true,
    format: "esm",
    minify: true,
    chunkFileNames: "chunks/[name]-[hash].js",
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        startChunk({
          roots: [join(root, "src/cli/start.ts")],
          except: [join(root, "src/version.ts")],
        }),
        { name: "exec", test: /\/src\/exec|\/node_modules\/(?!zod|tmp)|^\0required:/, priority: 1 },
        { name: "zod", test: /\/node_modules\/zod\/|\/src\/schema\.ts$/, priority: 1 },
        { name: "engine", test: /\/src\/(pipeline|effect|nix|secrets|state)\/|\/node_modules\/tmp/ },
      ],
    },
  },
})
await chmod(join(root, "dist/cli.js"), 0o755)

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
