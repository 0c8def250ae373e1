import type { CommandUnknownOpts } from "@commander-js/extra-typings"
import { expect, test } from "vitest"
import { commands } from "../../src/cli/program.ts"
import { effectOptions } from "../../src/effect/effect-options.ts"
import { filesBelow, read } from "../house/sources.ts"
import { commandTree, flagsOf, pathOf, withChildren } from "./commands.ts"
import { pageAt, pages } from "./pages.ts"

const paths = pages.map(({ path }) => path)
const program = await commandTree()

// The commands with their pages, `state-recover.md` for `state recover`; that each command has one is a test of its own.
const documented = program.commands.flatMap(withChildren).flatMap((command) => {
  const page = pages.find(({ path }) => path === `docs/commands/${pathOf(command).replaceAll(" ", "-")}.md`)
  return page === undefined ? [] : [{ command, page }]
})

// The sub-commands that are explained on this command's own page.
const explainedHere = (command: CommandUnknownOpts): readonly CommandUnknownOpts[] =>
  command.commands.filter((child) => documented.every((other) => other.command !== child))

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
  const named = documented.map(({ command }) => pathOf(command).replaceAll(" ", "-"))
  const own = paths.filter((path) => path.startsWith("docs/commands/")).map(nameOf)
  expect(own.toSorted()).toEqual(named.toSorted())
  expect(commands.filter(({ name }) => !named.includes(name))).toEqual([])
})

test("every sub-command has a page, or a section on its command's page", () => {
  const missing = documented.flatMap(({ command, page }) =>
    explainedHere(command)
      .filter((child) => !page.headings.some((heading) => new RegExp(`\\b${child.name()}\\b`).test(heading)))
      .map(pathOf),
  )
  expect(missing).toEqual([])
})

test("the flags of a command's page are the flags of the command", () => {
  const problems = documented.flatMap(({ command, page }) => {
    const real = new Set([command, ...explainedHere(command)].flatMap(flagsOf))
    const below = new Set(withChildren(command).flatMap(flagsOf))
    const everywhere = new Set(["--help", "--no-color", "--version"])
    const inTables = page.prose.split("\n").flatMap((line) => {
      const [, first = ""] = /^\|((?:[^|\\]|\\.)*)\|/.exec(line) ?? []
      return first.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []
    })
    const mentioned = new Set(page.prose.match(/(?<![\w-])--[a-z][a-z-]*/g))
    return [
      ...[...real].filter((flag) => !mentioned.has(flag)).map((flag) => `${page.path} does not say ${flag}`),
      ...inTables
        .filter((flag) => !below.has(flag) && !everywhere.has(flag))
        .map((flag) => `${page.path} speaks of ${flag}, which ${command.name()} does not have`),
    ]
  })
  expect(problems).toEqual([])
})

test("the options of mkEffect's page are the options of mkEffect", () => {
  const real = Object.keys(effectOptions.shape)
  expect(optionsOn("docs/effects/mk-effect.md").toSorted()).toEqual(real.toSorted())
})

test("every option of an effect function is on its page", () => {
  const missing = filesBelow("effects", ".ts")
    .filter((path) => paths.includes(pageOf(path)))
    .flatMap((path) => {
      const [types = ""] = read(path).split(/^export function /m)
      const options = [...types.matchAll(/^ +readonly (\w+)\??: (?!never)/gm)].map(([, name = ""]) => name)
      const { text } = pageAt(pageOf(path))
      return [...new Set(options)]
        .filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(text))
        .map((name) => `${pageOf(path)} does not say ${name}`)
    })
  expect(missing).toEqual([])
})

// The names in the first table of a page, which is the one of the options.
function optionsOn(path: string): readonly string[] {
  const table = pageAt(path).prose.split("## Options")[1]?.split("\n## ")[0] ?? ""
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name)
}

function pageOf(path: string): string {
  return `docs/${path.replace(/\.ts$/, ".md")}`
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.md$/, "")
}
