import type { Writable } from "node:stream"
import type { Io } from "./io.ts"

const codes = { red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22], bold: [1, 22] } as const

export type Color = keyof typeof codes

/** Whether to color what goes to this stream: only a terminal, and never with `--no-color` or NO_COLOR (no-color.org). */
export function hasColor({ env }: Pick<Io, "env">, stream: Writable): boolean {
  return (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" && isTerminal(stream)
}

export function isTerminal(stream: object): boolean {
  return "isTTY" in stream && stream.isTTY === true
}

export function paint(text: string, color: Color): string {
  const [on, off] = codes[color]
  return `\u001b[${on}m${text}\u001b[${off}m`
}
