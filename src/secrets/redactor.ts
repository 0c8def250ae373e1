import { createNeedles, type Needles } from "./needles.ts"
import { shortestMaskable, spellingsOf } from "./spellings.ts"

/** What is printed in place of a secret. */
export const mask = "***"

export interface Redactor {
  /** Masks this value, and its base64, URL-encoded and JSON-escaped spellings, from now on. Values under four characters are left. */
  add(value: string): void
  /** Masks what is known in one complete text. */
  redact(text: string): string
  /** A streaming mask: `write` returns what is safe to show now, `end` returns the rest. */
  stream(): RedactingStream
}

export interface RedactingStream {
  write(chunk: string): string
  end(): string
}

/** Masks secrets wherever they are printed: across chunks, across line breaks, encoded, inside larger encoded texts. */
export function createRedactor(): Redactor {
  const needles = createNeedles()
  return {
    add(value) {
      for (const spelling of spellingsOf(value)) needles.add(spelling)
    },
    redact(text) {
      const scanner = createScanner(needles)
      return scanner.write(text) + scanner.flush()
    },
    stream() {
      const scanner = createScanner(needles)
      return {
        write: scanner.write,
        end() {
          scanner.maskTail()
          return scanner.flush()
        },
      }
    },
  }
}

type Run = { readonly start: number; readonly end: number }

function createScanner(needles: Needles) {
  let version = needles.version
  let state = 0
  // What is not shown yet, where in it the characters other than line breaks stand, and what of it is to be masked.
  let held = ""
  let places: number[] = []
  let runs: Run[] = []
  // Whether the last thing shown was a mask, which a run that goes on does not repeat.
  let masking = false

  const cover = (from: number, to: number): void => {
    let [start, end] = [from, to]
    for (let last = runs.at(-1); last !== undefined && last.end >= start; last = runs.at(-1)) {
      start = Math.min(start, last.start)
      end = Math.max(end, last.end)
      runs.pop()
    }
    runs.push({ start, end })
  }

  const placeOfLast = (count: number): number => (count > places.length ? 0 : (places.at(-count) ?? 0))

  const scan = (from: number): void => {
    for (let at = from; at < held.length; at += 1) {
      const code = held.charCodeAt(at)
      if (code === 10 || code === 13) continue
      places.push(at)
      state = needles.step(state, code)
      const length = needles.matched(state)
      if (length > 0) cover(placeOfLast(length), at + 1)
      state = needles.open(state)
    }
  }

  const maskOf = (text: string): string => {
    const shown = text.replace(/[^\r\n]+/g, (_, at: number) => (at === 0 && masking ? "" : mask))
    masking = !/[\r\n]$/.test(text)
    return shown
  }

  const show = (end: number): string => {
    if (end === 0) return ""
    let shown = ""
    let at = 0
    for (const run of runs) {
      if (run.start >= end) break
      if (run.start > at) masking = false
      shown += held.slice(at, run.start)
      at = Math.min(run.end, end)
      shown += maskOf(held.slice(run.start, at))
    }
    if (at < end) masking = false
    shown += held.slice(at, end)
    held = held.slice(end)
    places = places
      .slice(Math.max(0, places.length - needles.depth(state)))
      .map((place) => place - end)
      .filter((place) => place >= 0)
    runs = runs
      .filter((run) => run.end > end)
      .map((run) => ({ start: Math.max(0, run.start - end), end: run.end - end }))
    return shown
  }

  // A value that became known in the middle is looked for in what is still held.
  const refresh = (): void => {
    if (version === needles.version) return
    version = needles.version
    state = 0
    places = []
    runs = runs.filter((run) => run.start === 0 && masking)
    scan(0)
  }

  // The end of a line is not held back for the sake of a few characters that may begin a much longer secret.
  const isBarelyBegun = (): boolean => {
    const depth = needles.depth(state)
    return held.endsWith("\n") && depth < shortestMaskable && depth * 4 <= needles.shortest(state)
  }

  return {
    write(chunk: string): string {
      refresh()
      if (version === 0) return chunk
      const from = held.length
      held += chunk
      scan(from)
      const depth = needles.depth(state)
      return show(depth === 0 || isBarelyBegun() ? held.length : placeOfLast(depth))
    },
    /** Masks what looks like a secret cut short. */
    maskTail(): void {
      refresh()
      for (let tail = state; tail !== 0; tail = needles.fallback(tail)) {
        const depth = needles.depth(tail)
        if (depth >= shortestMaskable && depth * 2 >= needles.shortest(tail)) {
          cover(placeOfLast(depth), held.length)
          return
        }
      }
    },
    flush(): string {
      refresh()
      const rest = show(held.length)
      state = 0
      places = []
      masking = false
      return rest
    },
  }
}
