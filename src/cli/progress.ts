import { Writable } from "node:stream"
import { isTerminal } from "./color.ts"

/** What is going on, in one line at the bottom of a terminal; in a log it stays quiet. */
export type Progress = {
  /** Where lines go that must stay above the status line. */
  readonly stream: Writable
  /** Says what somebody is doing now; `undefined` when it is done. */
  update(who: string, what: string | undefined): void
  stop(): void
}

const clearLine = "\r\u001b[2K"
const interval = 500

/** A status line on a terminal, and the bare stream elsewhere. */
export function createProgress(target: Writable): Progress {
  if (!isTerminal(target)) return { stream: target, update: () => {}, stop: () => {} }
  const doing = new Map<string, { readonly what: string; readonly since: number }>()
  let shown = ""
  const draw = (): void => {
    const parts = [...doing].map(
      ([who, { what, since }]) => `${who}: ${what} ${Math.floor((performance.now() - since) / 1000)} s`,
    )
    const line = fit(parts.join("  ·  "), columnsOf(target))
    if (line === shown) return
    target.write(clearLine + line)
    shown = line
  }
  const timer = setInterval(draw, interval)
  timer.unref()
  const erase = (): void => {
    if (shown !== "") target.write(clearLine)
    shown = ""
  }
  return {
    stream: new Writable({
      decodeStrings: false,
      write(chunk: string | Buffer, _, done) {
        erase()
        target.write(chunk)
        draw()
        done()
      },
    }),
    update(who, what) {
      if (what === undefined) doing.delete(who)
      else doing.set(who, { what, since: performance.now() })
      draw()
    },
    stop() {
      clearInterval(timer)
      erase()
    },
  }
}

function columnsOf(stream: Writable): number {
  return "columns" in stream && typeof stream.columns === "number" ? stream.columns : 80
}

// A line that wraps could not be erased again.
function fit(line: string, columns: number): string {
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`
}
