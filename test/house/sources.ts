import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

/** The repository's top folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

export type Import = {
  readonly specifier: string
  /** The imported file, from the repository's top; `undefined` for a package. */
  readonly file: string | undefined
}

export type Source = {
  /** From the repository's top. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

/** The text of one file of the repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8")
}

/** The files below a folder whose names end so, from the repository's top, sorted. */
export function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.parentPath.includes("node_modules"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted()
}

/** All sources below these folders, with what they import. */
export function sourcesBelow(...folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) =>
    filesBelow(folder, ".ts").map((path) => {
      const text = read(path)
      return { path, text, imports: importsOf(path, text) }
    }),
  )
}

const bindings = String.raw`(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?)\s+from\s+`
const importPattern = new RegExp(
  String.raw`^(?:import|export)\s+(?:${bindings})?"([^"]+)"|\b(?:import|createRequire\([^)]*\))\("([^"]+)"\)`,
  "gm",
)

function importsOf(path: string, text: string): readonly Import[] {
  return [...text.matchAll(importPattern)].map(([, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic ?? ""
    return { specifier, file: specifier.startsWith(".") ? join(dirname(path), specifier) : undefined }
  })
}

/** The package that a specifier names: `zod` for `zod/mini`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

/** Every error code that Alcides reports, with the files that do. */
export function errorCodes(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  // What `alcides secret check` finds has codes as well, but those are findings and no errors.
  for (const { path, text } of sourcesBelow("src", "effects").filter((file) => !file.path.endsWith("/check.ts"))) {
    for (const [, before = "", literal, template] of text.matchAll(/\bcode: ([\w?. ]*)(?:"([a-z0-9-]+)"|`([^`]+)`)/g)) {
      // `code: "custom"` is zod's word for a schema's own complaint.
      if (literal === "custom" && before === "") continue
      const codes = literal === undefined ? expand(path, template ?? "") : [literal]
      for (const code of codes) found.set(code, [...(found.get(code) ?? []), path])
    }
  }
  return found
}

// The one code that is put together: the reader of these tests should learn of the next one.
function expand(path: string, template: string): readonly string[] {
  // oxlint-disable-next-line no-template-curly-in-string
  if (template === "${kind}-name-invalid") return ["state-name-invalid", "lock-name-invalid"]
  throw new Error(`${path} puts an error code together: ${template}; write it out, so that it can be searched for`)
}
