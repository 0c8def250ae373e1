import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { messageOf, usageError } from "../../errors.ts"
import type { Json, SecretData } from "../../secrets/secrets-map.ts"
import type { Io } from "../io.ts"
import type { DataInput } from "./data-options.ts"
import { formatFieldPath } from "./field-path.ts"
import { openPrompt } from "./prompt.ts"

export type ReadDataOptions = {
  readonly inputs: readonly DataInput[]
  /** The secret's name, for the prompt. */
  readonly name?: string
}

/**
 * Puts the data of a secret together from what the command line names.
 * Throws `secret-data-missing`, `secret-data-conflict`, `secret-data-invalid`, `secret-input-unreadable` and `password-missing`.
 */
export async function readSecretData(io: Io, { inputs, name }: ReadDataOptions): Promise<SecretData> {
  if (inputs.length === 0) {
    throw usageError({
      code: "secret-data-missing",
      message: "a secret needs data, and none was given",
      hint: "add --password PATH, --string-file PATH FILE, --string-env PATH VARIABLE or another data option",
    })
  }
  warnOfLiterals(io, inputs)
  const prompt = openPrompt(io)
  let data: Json | undefined
  try {
    for (const input of inputs) {
      const value = await readValue(io, input, (path) =>
        prompt.ask(`Enter value for ${path}${name === undefined ? "" : ` in secret ${name}`}: `),
      )
      const placed = input.path.reduceRight<Json>((inner, field) => Object.fromEntries([[field, inner]]), value)
      data = data === undefined ? placed : merge(data, placed)
    }
  } finally {
    prompt.close()
  }
  if (isObject(data)) return data
  throw usageError({
    code: "secret-data-invalid",
    message: "the data of a secret must be an object of fields",
    hint: "give each value a path, such as --password token",
  })
}

function warnOfLiterals({ stderr }: Io, inputs: readonly DataInput[]): void {
  const literal = inputs.find(({ option }) => option === "--string" || option === "--json")
  if (literal === undefined) return
  stderr.write(
    `warning: ${literal.option} shows the value to everybody who lists processes, and to the shell's history; prefer --password, ${literal.option}-file or ${literal.option}-env\n`,
  )
}

async function readValue(io: Io, input: DataInput, ask: (path: string) => Promise<string>): Promise<Json> {
  const { option, path, operand } = input
  if (option === "--password") return ask(formatFieldPath(path))
  const text = option.endsWith("-file")
    ? await readOperand(resolve(io.cwd, operand), input)
    : option.endsWith("-env")
      ? readVariable(io, input)
      : operand
  return option.startsWith("--json") ? parseJson(text, input) : text
}

async function readOperand(file: string, { option }: DataInput): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(file))
  } catch (cause) {
    const why = cause instanceof TypeError ? "it is not UTF-8 text" : messageOf(cause)
    throw usageError({
      code: "secret-input-unreadable",
      message: `${option}: cannot read ${file}: ${why}`,
      hint: "name a text file that you may read",
      cause,
    })
  }
}

function readVariable({ env }: Io, { option, operand }: DataInput): string {
  const value = env[operand]
  if (value !== undefined) return value
  throw usageError({
    code: "secret-input-unreadable",
    message: `${option}: there is no environment variable ${JSON.stringify(operand)}`,
    hint: "give its name without a dollar sign, and export it",
  })
}

function parseJson(text: string, { option, path }: DataInput): Json {
  try {
    const value: Json = JSON.parse(text)
    return value
  } catch {
    // The parser's own words quote the text.
    throw usageError({
      code: "secret-data-invalid",
      message: `${option}: the value for ${formatFieldPath(path)} is no JSON`,
      hint: `a text is written with ${option.replace("json", "string")}`,
    })
  }
}

function merge(a: Json, b: Json, path: readonly string[] = []): Json {
  if (!isObject(a) || !isObject(b)) {
    throw usageError({
      code: "secret-data-conflict",
      message: `two values are given for ${formatFieldPath(path)}`,
      hint: "give each field once",
    })
  }
  const merged = new Map(Object.entries(a))
  for (const [field, value] of Object.entries(b)) {
    const before = merged.get(field)
    merged.set(field, before === undefined ? value : merge(before, value, [...path, field]))
  }
  return Object.fromEntries(merged)
}

function isObject(value: Json | undefined): value is SecretData {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
