import { usageError } from "../errors.ts"

export type JsonPath = readonly (string | number)[]

export type JsonPositions = {
  /** `line:column` of the value at this path, or of the nearest value around it. */
  of(path: JsonPath): string
  /** The paths of fields that stand there twice; JSON takes the last. */
  readonly repeated: readonly JsonPath[]
}

type Options = { readonly text: string; /** What to call it in errors. */ readonly label: string }

const tokens =
  /[ \t\r\n]*(?:([{}[\]:,])|("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)))/y

/** Finds where everything stands in a JSON text. Throws `json-invalid` with place and path, and without a word of the content. */
export function locateJson({ text, label }: Options): JsonPositions {
  const offsets = new Map<string, number>()
  const repeated: JsonPath[] = []
  let at = 0

  const fail = (expected: string, path: JsonPath): never => {
    const place = text.slice(at).search(/[^ \t\r\n]/)
    const end = place === -1
    throw usageError({
      code: "json-invalid",
      message: `${label}:${lineAndColumn(text, end ? text.trimEnd().length : at + place)}: expected ${expected}${end ? ", got the end" : ""} (${formatPath(path)})`,
      hint: "mend the JSON there; a comma too many or too few is the usual reason",
    })
  }

  // The next token, or "" when there is none; a sign stands for itself, a string begins with a quotation mark.
  const peek = (): { readonly token: string; readonly end: number } => {
    tokens.lastIndex = at
    const match = tokens.exec(text)
    return { token: match?.[1] ?? match?.[2] ?? match?.[3] ?? "", end: tokens.lastIndex }
  }

  const take = (sign: string): boolean => {
    const { token, end } = peek()
    if (token !== sign) return false
    at = end
    return true
  }

  const readString = (expected: string, path: JsonPath): string => {
    const { token, end } = peek()
    if (!token.startsWith('"')) return fail(expected, path)
    at = end
    return String(JSON.parse(token))
  }

  const readValue = (path: JsonPath): void => {
    const { token, end } = peek()
    if (token === "" || "}]:,".includes(token)) return fail("a value", path)
    offsets.set(JSON.stringify(path), end - token.length)
    at = end
    if (token === "{") readObject(path)
    else if (token === "[") readArray(path)
  }

  const readObject = (path: JsonPath): void => {
    const names = new Set<string>()
    if (take("}")) return
    do {
      const name = readString(names.size === 0 ? 'a field name or "}"' : "a field name", path)
      if (names.has(name)) repeated.push([...path, name])
      names.add(name)
      if (!take(":")) fail('":"', [...path, name])
      readValue([...path, name])
    } while (take(","))
    if (!take("}")) fail('"," or "}"', path)
  }

  const readArray = (path: JsonPath): void => {
    if (take("]")) return
    let index = 0
    do {
      readValue([...path, index])
      index += 1
    } while (take(","))
    if (!take("]")) fail('"," or "]"', path)
  }

  readValue([])
  if (text.slice(at).trim() !== "") fail("the end of the file", [])
  return {
    repeated,
    of(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const offset = offsets.get(JSON.stringify(path.slice(0, length)))
        if (offset !== undefined) return lineAndColumn(text, offset)
      }
      return lineAndColumn(text, offsets.get("[]") ?? 0)
    },
  }
}

/** A path as people write it: `neat-aws.condition.and[1]`. */
export function formatPath(path: JsonPath): string {
  const written = path.map((part) => {
    if (typeof part === "number") return `[${part}]`
    return /^[\w-]+$/.test(part) ? `.${part}` : `.${JSON.stringify(part)}`
  })
  return written.join("").replace(/^\./, "") || "the top level"
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n")
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
}
