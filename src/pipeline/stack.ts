import { fileURLToPath } from "node:url"

/** A place in a source file; the line and the column count from one. */
export type Place = { readonly file: string; readonly line: number; readonly column: number }

/** The places that a stack names, the innermost first; those without a file are left out. */
export function placesOf(stack: string | undefined): readonly Place[] {
  // A pipeline may have told V8 to make something else of stacks.
  if (typeof stack !== "string") return []
  return [...stack.matchAll(/^\s+at (?:.*? \((.+)\)|(?:async )?(.+))$/gm)].flatMap(([, inBrackets, bare]) => {
    const [, file = "", line, column] = /^((?:file:\/\/)?\/.+):(\d+):(\d+)$/.exec(inBrackets ?? bare ?? "") ?? []
    if (file === "") return []
    return { file: file.startsWith("file:") ? fileURLToPath(file) : file, line: Number(line), column: Number(column) }
  })
}
