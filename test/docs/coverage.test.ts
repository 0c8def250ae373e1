import { expect, test } from "vitest"
import { commands } from "../../src/cli/program.ts"
import { read } from "../house/sources.ts"
import { commandTree, flagsOf, pathOf, withChildren } from "./commands.ts"
import { pageAt, pages } from "./pages.ts"

const paths = pages.map(({ path }) => path)
const program = await commandTree()

test("every effect and setup step has a page named after its file, and that says its name", () => {
  const functions = [...read("effects/index.ts").matchAll(/^export \{ (\w+)[^}]*\} from "\.\/([\w-]+)\.ts"$/gm)]
  expect(functions.length).toBeGreaterThan(5)
  const missing = functions
    .map(([, name = "", file = ""]) => ({ name, path: `docs/effects/${file}.md` }))
    .filter(({ name, path }) => !paths.includes(path) || !pageAt(path).text.startsWith(`# ${name}\n`))
  expect(missing).toEqual([])
})

test("every page of an effect is about one that exists", () => {
  const files = new Set([...read("effects/index.ts").matchAll(/"\.\/([\w-]+)\.ts"/g)].map(([, file]) => file))
  // These two are the library's own.
  const about = new Set([...files, "mk-effect", "pipeline"])
  const stray = paths.filter((path) => path.startsWith("docs/effects/") && !about.has(nameOf(path)))
  expect(stray).toEqual([])
})

test("every command has a page, and no page is about another", () => {
  expect(
    paths
      .filter((path) => path.startsWith("docs/commands/"))
      .map(nameOf)
      .toSorted(),
  ).toEqual(commands.map(({ name }) => name).toSorted())
})

test("every sub-command has a section on its command's page", () => {
  const missing = commands.flatMap(({ name }) => {
    const command = program.commands.find((candidate) => candidate.name() === name)
    const { headings } = pageAt(`docs/commands/${name}.md`)
    return (command?.commands ?? [])
      .filter((child) => !headings.some((heading) => new RegExp(`\\b${child.name()}\\b`).test(heading)))
      .map(pathOf)
  })
  expect(missing).toEqual([])
})

test("the flags of a command's page are the flags of the command", () => {
  const problems = commands.flatMap(({ name }) => {
    const command = program.commands.find((candidate) => candidate.name() === name)
    if (command === undefined) return [`there is no command ${name}`]
    const page = pageAt(`docs/commands/${name}.md`)
    const real = new Set(withChildren(command).flatMap(flagsOf))
    const everywhere = new Set(["--help", "--no-color", "--version"])
    const inTables = page.prose.split("\n").flatMap((line) => {
      const [, first = ""] = /^\|((?:[^|\\]|\\.)*)\|/.exec(line) ?? []
      return first.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []
    })
    const mentioned = new Set(page.prose.match(/(?<![\w-])--[a-z][a-z-]*/g))
    return [
      ...[...real].filter((flag) => !mentioned.has(flag)).map((flag) => `${page.path} does not say ${flag}`),
      ...inTables
        .filter((flag) => !real.has(flag) && !everywhere.has(flag))
        .map((flag) => `${page.path} speaks of ${flag}, which ${name} does not have`),
    ]
  })
  expect(problems).toEqual([])
})

test("the options of mkEffect's page are the options of mkEffect", () => {
  const source = /const optionsSchema = z\.strictObject\(\{\n([\s\S]*?)\n\}\)/.exec(
    read("src/effect/mk-effect.ts"),
  )?.[1]
  const real = [...(source ?? "").matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name)
  const documented = new Set(
    [...pageAt("docs/effects/mk-effect.md").prose.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name),
  )
  expect(real.length).toBeGreaterThan(10)
  expect(real.filter((name) => !documented.has(name))).toEqual([])
})

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.md$/, "")
}
