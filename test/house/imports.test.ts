import { expect, test } from "vitest"
import { packageOf, sourcesBelow, type Source } from "./sources.ts"

const sources = sourcesBelow("src", "effects")

// From the ground up: a file imports from its own part and from those below, never from above or from beside.
const layers: readonly (readonly string[])[] = [
  ["errors", "folders", "log", "schema", "version"],
  // What the operating system says, in our words; and the words of the repository context, plain data that every part may speak of.
  ["system-error", "repo"],
  ["exec"],
  ["ssh"],
  ["secrets", "state"],
  ["nix"],
  ["effect"],
  ["pipeline", "deploy", "agent"],
  ["index"],
  ["effects", "testing"],
  ["cli", "action"],
]

function partOf(path: string): string {
  const [top = "", part = ""] = path.split("/")
  return top === "effects" ? "effects" : part.replace(/\.ts$/, "")
}

function layerOf(path: string): number {
  return layers.findIndex((layer) => layer.includes(partOf(path)))
}

test("every file belongs to a layer of the house", () => {
  expect(sources.filter(({ path }) => layerOf(path) === -1).map(({ path }) => path)).toEqual([])
})

test("imports point one way, from above to below", () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ file }) => file !== undefined && partOf(file) !== partOf(path) && layerOf(file) >= layerOf(path))
      .map(({ file }) => `${path} -> ${file}`),
  )
  expect(wrong).toEqual([])
})

test("every imported file is there", () => {
  const known = new Set(sources.map(({ path }) => path))
  const missing = sources.flatMap(({ path, imports }) =>
    imports.filter(({ file }) => file !== undefined && !known.has(file)).map(({ file }) => `${path} -> ${file}`),
  )
  expect(missing).toEqual([])
})

test("there is no cycle", () => {
  expect(findCycle(sources)).toBeUndefined()
})

test("a cycle would be found", () => {
  const source = (path: string, file: string): Source => ({ path, text: "", imports: [{ specifier: file, file }] })
  expect(findCycle([source("a", "b"), source("b", "c"), source("c", "b")])).toEqual(["b", "c", "b"])
})

// Which files alone may import a package: each of these has one door.
const doors: Readonly<Record<string, RegExp>> = {
  execa: /^src\/exec(\.ts|\/)/,
  "node:child_process": /^src\/exec(\.ts|\/)/,
  // What reads and writes state starts with every command: it does without the messages of src/schema.ts.
  zod: /^(src\/schema\.ts|src\/state\/|effects\/)/,
  esbuild: /^src\/pipeline\/(esbuild|load)\.ts$/,
  commander: /^src\/cli\//,
  "@commander-js/extra-typings": /^src\/cli\//,
  "@actions/core": /^src\/action\//,
  "@aws-sdk/client-s3": /^src\/state\/drivers\//,
}

test("programs, storage and frameworks are reached through one door each", () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => doors[packageOf(specifier)]?.test(path) === false)
      .map(({ specifier }) => `${path} -> ${specifier}`),
  )
  expect(wrong).toEqual([])
})

test("of zod, only the small build is used: a command would load and compile the other at each start", () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .map(({ specifier }) => specifier)
      .filter((specifier) => packageOf(specifier) === "zod" && !/^zod\/(mini$|v4\/locales\/)/.test(specifier))
      .map((specifier) => `${path} -> ${specifier}`),
  )
  expect(wrong).toEqual([])
})

test("only the opening of a store knows the drivers", () => {
  const wrong = sources.filter(
    ({ path, imports }) =>
      !path.startsWith("src/state/drivers/") &&
      path !== "src/state/open.ts" &&
      imports.some(({ file }) => file?.startsWith("src/state/drivers/")),
  )
  expect(wrong.map(({ path }) => path)).toEqual([])
})

test("effects use the public library alone, as those of our users do", () => {
  const wrong = sources
    .filter(({ path }) => path.startsWith("effects/"))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, file }) =>
          file === undefined
            ? !["alcides", "zod"].includes(packageOf(specifier)) && !specifier.startsWith("node:")
            : !file.startsWith("effects/"),
        )
        .map(({ specifier }) => `${path} -> ${specifier}`),
    )
  expect(wrong).toEqual([])
})

test("inside, nothing goes through the register of the library or of the effects", () => {
  const wrong = sources
    .filter(({ path, imports }) => {
      const own = path.startsWith("effects/") ? "effects/index.ts" : "src/index.ts"
      return imports.some(({ file }) => file === own)
    })
    .map(({ path }) => path)
  expect(wrong).toEqual([])
})

function findCycle(files: readonly Source[]): readonly string[] | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): readonly string[] | undefined => {
    if (done.has(path)) return undefined
    const start = way.indexOf(path)
    if (start !== -1) return [...way.slice(start), path]
    for (const { file } of byPath.get(path)?.imports ?? []) {
      const cycle = file === undefined ? undefined : visit(file, [...way, path])
      if (cycle !== undefined) return cycle
    }
    done.add(path)
    return undefined
  }
  for (const { path } of files) {
    const cycle = visit(path, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}
