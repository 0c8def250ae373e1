import { expect, it } from "vitest"
import { duration } from "../../src/cli/report-text.ts"

it.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1000, "1.0 s"],
  [59_940, "59.9 s"],
  [59_960, "1 min 0 s"],
  [119_700, "2 min 0 s"],
  [125_000, "2 min 5 s"],
])("%i ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text)
})
