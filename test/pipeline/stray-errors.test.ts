import { expect, it } from "vitest"
import { runProgram } from "../../src/exec.ts"
import { watchStrayErrors } from "../../src/pipeline/stray-errors.ts"

// What is not expected must not reach the runner of these tests: nobody else may listen for a moment.
async function alone<T>(work: () => Promise<T>): Promise<T> {
  const events = ["uncaughtException", "unhandledRejection"] as const
  const others = events.map((event) => ({ event, listeners: process.rawListeners(event) }))
  for (const event of events) process.removeAllListeners(event)
  try {
    return await work()
  } finally {
    for (const { event, listeners } of others) {
      process.removeAllListeners(event)
      for (const listener of listeners) Reflect.apply(process.on, process, [event, listener])
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

it("aborts instead of ending the process, and names what was thrown", async () => {
  const reason: unknown = await alone(async () => {
    const { signal, stop } = watchStrayErrors()
    void runProgram("sh", ["-c", "exit 3"], { env: { PATH: process.env["PATH"] ?? "" } })
    while (!signal.aborted) await turn()
    stop()
    return signal.reason
  })
  expect(reason).toMatchObject({
    code: "stray-error",
    exit: 4,
    message: "an effect threw where nothing waits for it: sh failed with exit code 3",
    cause: { code: "program-failed" },
  })
})

it("hears of timers and events, too, and of nothing once it was stopped", async () => {
  const seen: string[] = []
  await alone(async () => {
    const { signal, stop } = watchStrayErrors()
    setTimeout(() => {
      throw new Error("late")
    }, 1)
    while (!signal.aborted) await turn()
    stop()
    seen.push(String(signal.reason), String(process.listenerCount("uncaughtException")))
  })
  expect(seen).toEqual(["AlcidesError: an effect threw where nothing waits for it: late", "0"])
})
