import { Console } from "node:console"
import { Writable } from "node:stream"
import type { Log } from "../log.ts"

/** While the user's code is at work, what it prints with `console` goes to the log: masked, and never into our own output. */
export async function withConsole<T>(log: Log, work: () => Promise<T>): Promise<T> {
  const own = globalThis.console
  // A console writes whole lines, one or more at a time.
  const stream = new Writable({
    decodeStrings: false,
    write(text: unknown, _encoding, done) {
      for (const line of String(text).replace(/\n$/, "").split("\n")) log.info(line)
      done()
    },
  })
  globalThis.console = new Console(stream)
  try {
    return await work()
  } finally {
    globalThis.console = own
  }
}
