import { relative } from "node:path"

export type NixFailure = {
  /** Where the mistake is, such as `network.nix:12:5`, when it is below `src` or in one of the files that were asked about. */
  readonly at: string | undefined
  /** Nix's own words, without the trace. */
  readonly lines: readonly string[]
}

const mostLines = 40

/**
 * What Nix said when it failed, told from its standard error. For people only: whether it failed is for the exit code to say.
 *
 * Up to Nix 2.13 or so the error came first and the trace after it; since then the trace comes first.
 */
export function nixFailure(
  stderr: readonly string[],
  { files, src }: { readonly files: readonly string[]; readonly src: string },
): NixFailure {
  const error = Math.max(
    0,
    stderr.findLastIndex((line) => /^\s*error: \S/.test(line)),
  )
  const after = stderr.slice(error)
  const at = firstPlace(after, { files, src }) ?? firstPlace(stderr.slice(0, error).toReversed(), { files, src })
  return { at: at ?? mentioned(stderr, { files, src }), lines: errorLines(stderr) }
}

/** The lines of each error, without traces, code excerpts of the trace, and progress. */
export function errorLines(stderr: readonly string[]): readonly string[] {
  const lines: string[] = []
  let inside = false
  for (const line of stderr) {
    if (/^\s*error:( |$)/.test(line)) inside = !/^error:\s*$/.test(line)
    else if (/^\s*(… |… )/.test(line) || /^\s*\(use '--show-trace'/.test(line) || /^\S/.test(line)) inside = false
    if (inside) lines.push(line)
  }
  const kept = lines.length > 0 ? lines : stderr.slice(-mostLines)
  return trimBlankLines(dedent(kept)).slice(0, mostLines)
}

type Scope = { readonly files: readonly string[]; readonly src: string }

function firstPlace(lines: readonly string[], { files, src }: Scope): string | undefined {
  for (const line of lines) {
    for (const file of files) {
      const position = /^\d+:\d+/.exec(line.split(`${file}:`)[1] ?? "")
      if (position !== null) return `${relative(src, file)}:${position[0]}`
    }
    const below = /^[^'"«»]+?:\d+:\d+/.exec(line.split(`${src}/`)[1] ?? "")
    if (below !== null) return below[0]
    // A flake is read from a copy of its sources in the store.
    const copied = /\/[0-9a-z]{32}-source\/([^'"«»]+?:\d+:\d+)/.exec(line)
    if (copied?.[1] !== undefined) return copied[1]
  }
  return undefined
}

// The module system names the file of a definition without a position.
function mentioned(lines: readonly string[], { files, src }: Scope): string | undefined {
  const file = files.find((name) => lines.some((line) => line.includes(`'${name}'`) || line.includes(`\`${name}'`)))
  return file === undefined ? undefined : relative(src, file)
}

function dedent(lines: readonly string[]): readonly string[] {
  const margin = Math.min(...lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(Number.isFinite(margin) ? margin : 0))
}

function trimBlankLines(lines: readonly string[]): readonly string[] {
  const filled = lines.flatMap((line, index) => (line.trim() === "" ? [] : [index]))
  return lines.slice(filled[0] ?? 0, (filled.at(-1) ?? -1) + 1)
}
