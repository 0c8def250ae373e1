// Bundles the library, the effects, the test helpers and the command in one go, so that they share one copy of every class.
import { spawnSync } from "node:child_process"
import { chmod, readFile, rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { commanderStartsNothing, ownZodMini } from "./start-up.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"))

await rm(`${root}dist`, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    effects: "effects/index.ts",
    testing: "src/testing/index.ts",
    cli: "src/cli/main.ts",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.11",
  minify: true,
  legalComments: "none",
  chunkNames: "chunks/[name]-[hash]",
  // esbuild carries a native program, so it stays a package of its own; the rest is bundled because start-up counts.
  external: ["esbuild"],
  plugins: [ownZodMini, commanderStartsNothing],
  define: { ALCIDES_VERSION: JSON.stringify(version) },
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  },
})
await chmod(`${root}dist/cli.js`, 0o755)

if (!process.argv.includes("--no-types")) {
  const types = spawnSync(
    process.execPath,
    [
      `${root}node_modules/typescript/bin/tsc`,
      "-p",
      `${root}.ci/tsconfig.types.json`,
      "--emitDeclarationOnly",
      "--outDir",
      `${root}dist/types`,
    ],
    { stdio: "inherit", cwd: root },
  )
  if (types.status !== 0) process.exit(types.status ?? 1)
}
