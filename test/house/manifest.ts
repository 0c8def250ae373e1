import { isBuiltin } from "node:module"
import { build } from "esbuild"
import * as z from "zod"
import { read } from "./sources.ts"

/** package.json, as far as tests look at it. */
export const manifest = z
  .object({
    type: z.literal("module"),
    bin: z.object({ alcides: z.string() }),
    exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
    files: z.array(z.string()),
  })
  .parse(JSON.parse(read("package.json")))

/** What these files import, together with all they import themselves, that is neither a file nor a part of Node. */
export async function bundleExternals(files: readonly string[]): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: [...files],
    outdir: "unused",
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    packages: "external",
    tsconfigRaw: {},
    logLevel: "silent",
  })
  const paths = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.flatMap(({ path, external }) => (external === true && !isBuiltin(path) ? [path] : [])),
  )
  return [...new Set(paths)]
}
