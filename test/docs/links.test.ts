import { existsSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { expect, test } from "vitest"
import { root } from "../house/sources.ts"
import { pages, slug, type Page } from "./pages.ts"

const byPath = new Map(pages.map((page) => [page.path, page]))

test("every relative link leads to a file, and every fragment to a heading", () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !resolves(page, link))
      .map((link) => `${page.path} -> ${link}`),
  )
  expect(broken).toEqual([])
})

test("every page is reached from docs/index.md", () => {
  const reached = new Set<string>()
  const visit = (path: string): void => {
    const page = byPath.get(path)
    if (page === undefined || reached.has(path)) return
    reached.add(path)
    for (const link of linksOf(page)) visit(targetOf(page, link).file)
  }
  visit("docs/index.md")
  expect(pages.map(({ path }) => path).filter((path) => path !== "README.md" && !reached.has(path))).toEqual([])
})

test("a page begins with its one title", () => {
  const untitled = pages.filter(({ text, prose }) => !text.startsWith("# ") || prose.match(/^# /gm)?.length !== 1)
  expect(untitled.map(({ path }) => path)).toEqual([])
})

test("fragments are made as GitHub makes them", () => {
  expect(slug("`alcides state get`: fetch it")).toBe("alcides-state-get-fetch-it")
  expect(slug("What it does, and why")).toBe("what-it-does-and-why")
})

function linksOf({ prose }: Page): readonly string[] {
  // What stands between backticks is no link.
  const plain = prose.replaceAll(/`[^`\n]*`/g, "code")
  return [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link)
}

function targetOf(page: Page, link: string): { readonly file: string; readonly fragment: string | undefined } {
  const [path = "", fragment] = link.split("#", 2)
  return { file: path === "" ? page.path : normalize(join(dirname(page.path), path)), fragment }
}

function resolves(page: Page, link: string): boolean {
  const { file, fragment } = targetOf(page, link)
  if (file.startsWith("..") || !existsSync(join(root, file))) return false
  return fragment === undefined || byPath.get(file)?.headings.some((heading) => slug(heading) === fragment) === true
}
