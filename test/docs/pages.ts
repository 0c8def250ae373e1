import { existsSync } from "node:fs"
import { join } from "node:path"
import { filesBelow, read, root } from "../house/sources.ts"

export type Block = {
  readonly page: string
  /** Of the first line inside the fence, counted from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  /** `<!-- file: ci.ts -->` stands before it: the block is this file when the page is run. */
  readonly file: string | undefined
  /** `<!-- run -->` stands before it: its commands are run, and print what it says they print. */
  readonly isRun: boolean
}

export type Page = {
  /** From the repository's top. */
  readonly path: string
  readonly text: string
  readonly headings: readonly string[]
  /** The page without its fenced blocks. */
  readonly prose: string
  readonly blocks: readonly Block[]
}

/** Every page of the documentation, with the README first. */
export const pages: readonly Page[] = [
  ...(existsSync(join(root, "README.md")) ? ["README.md"] : []),
  ...filesBelow("docs", ".md"),
].map((path) => parsePage(path, read(path)))

/** The page at this path; throws when there is none. */
export function pageAt(path: string): Page {
  const page = pages.find((candidate) => candidate.path === path)
  if (page === undefined) throw new Error(`there is no page ${path}`)
  return page
}

/** Cuts a page into prose and fenced blocks. */
export function parsePage(path: string, text: string): Page {
  const prose: string[] = []
  const blocks: Block[] = []
  let closing = ""
  let open: (Omit<Block, "page" | "text"> & { readonly lines: string[] }) | undefined
  text.split("\n").forEach((line, index) => {
    const fence = /^\s*(`{3,})(\w*)/.exec(line)
    if (open === undefined && fence !== null) {
      const mark = prose.findLast((before) => before.trim() !== "")?.trim() ?? ""
      const file = /^<!-- file: (\S+) -->$/.exec(mark)?.[1]
      open = { line: index + 2, language: fence[2] ?? "", lines: [], file, isRun: mark === "<!-- run -->" }
      closing = fence[1] ?? ""
    } else if (open !== undefined && line.trim() === closing) {
      const { lines, ...rest } = open
      blocks.push({ ...rest, page: path, text: lines.join("\n") })
      // Something must stand where the block was, or its mark would count for the next one, too.
      prose.push("a block")
      open = undefined
    } else if (open === undefined) prose.push(line)
    else open.lines.push(line)
  })
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: this block has no end`)
  const headings = prose.flatMap((line) => /^#{1,6} (.*)/.exec(line)?.[1] ?? [])
  return { path, text, headings, prose: prose.join("\n"), blocks }
}

/** The fragment that a heading is reached by, as GitHub makes it. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-")
}
