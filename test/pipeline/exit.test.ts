import { expect, it } from "vitest"
import { AlcidesError, Exit, type ExitCode } from "../../src/errors.ts"
import { exitOf } from "../../src/pipeline/exit.ts"
import type { EffectReport } from "../../src/pipeline/run-one.ts"

const report = (status: EffectReport["status"], exit: ExitCode = Exit.failed): EffectReport => ({
  id: "a",
  name: "a",
  status,
  because: "",
  ms: 0,
  phases: [],
  state: [],
  ...(status === "failed" && { error: new AlcidesError({ code: "x", message: "x", exit }) }),
})
const ended = (exit: ExitCode = Exit.failed) => new AlcidesError({ code: "terminated", message: "ended", exit })

it.each<[string, readonly EffectReport[], AlcidesError | undefined, number]>([
  ["nothing", [], undefined, 0],
  ["what should not run", [report("not run")], undefined, 0],
  ["success", [report("succeeded"), report("not run")], undefined, 0],
  ["superseded, and what came after it", [report("superseded"), report("skipped")], undefined, 0],
  ["a failure before any change", [report("failed")], undefined, 1],
  ["a mistake", [report("failed", 2)], undefined, 2],
  ["rolled back", [report("failed", 3), report("failed")], undefined, 3],
  ["not rolled back, beside success", [report("failed", 4), report("succeeded")], undefined, 4],
  ["some succeeded", [report("failed"), report("succeeded")], undefined, 5],
  ["a part of its own fleet", [report("failed", 5)], undefined, 5],
  ["not locked", [report("failed", 6), report("failed", 2)], undefined, 6],
  ["state at risk, before all else", [report("failed", 4), report("failed", 7), report("succeeded")], undefined, 7],
  ["ended before an effect began", [report("skipped")], ended(), 1],
  ["ended after one of two", [report("succeeded"), report("skipped")], ended(), 5],
  ["ended when all was done", [report("succeeded")], ended(), 0],
  ["ended by a stray error when all was done", [report("succeeded")], ended(4), 4],
])("%s", (_, effects, end, exit) => {
  expect(exitOf({ effects, ended: end })).toBe(exit)
})
