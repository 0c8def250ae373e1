import { PassThrough } from "node:stream"
import { text } from "node:stream/consumers"
import { expect, it } from "vitest"
import { confirm } from "../../src/cli/confirm.ts"
import { AlcidesError } from "../../src/errors.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"

function terminal({ isTTY = true }: { readonly isTTY?: boolean } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const stderr = new PassThrough()
  const shown = text(stderr)
  const stop = new AbortController()
  const io = {
    env: {},
    cwd: "/",
    stdin,
    stdout: new PassThrough(),
    stderr,
    signal: stop.signal,
    redactor: createRedactor(),
    exit: () => {},
  }
  return {
    io,
    stdin,
    stop,
    shown: () => {
      stderr.end()
      return shown
    },
  }
}

it.each(["y", "Y", "yes", " YES "])("goes on at %j", async (answer) => {
  const { io, stdin, shown } = terminal()
  stdin.write(`${answer}\n`)
  await confirm({ io, question: "break \u001b[31m it?", yes: undefined })
  expect(await shown()).toBe("break \\u001b[31m it? [y/N] ")
})

it.each(["", "n", "no", "yesterday"])("changes nothing at %j", async (answer) => {
  const { io, stdin } = terminal()
  stdin.write(`${answer}\n`)
  await expect(confirm({ io, question: "break it?", yes: undefined })).rejects.toMatchObject({
    code: "declined",
    exit: 1,
    message: "not confirmed; nothing was changed",
  })
})

it("changes nothing when the terminal is closed", async () => {
  const { io, stdin } = terminal()
  stdin.end()
  await expect(confirm({ io, question: "break it?", yes: undefined })).rejects.toMatchObject({ code: "declined" })
})

it("changes nothing when it is interrupted", async () => {
  const { io, stop } = terminal()
  const asked = confirm({ io, question: "break it?", yes: undefined })
  stop.abort(new AlcidesError({ code: "interrupted", message: "interrupted by SIGINT" }))
  await expect(asked).rejects.toMatchObject({ name: "AbortError", cause: { code: "interrupted" } })
})

it("does not ask with --yes, and asks for it without a terminal", async () => {
  const { io, shown } = terminal({ isTTY: false })
  await confirm({ io, question: "break it?", yes: true })
  await expect(confirm({ io, question: "break it?", yes: undefined })).rejects.toMatchObject({
    code: "confirmation-needed",
    exit: 2,
    hint: "add --yes to answer it here",
  })
  expect(await shown()).toBe("")
})
