import { expect, test } from "vitest"
import { mkEffect } from "alcides"
import { runIf } from "alcides/effects"

const build = { type: "flake", installable: ".#hello" } as const
const bare = mkEffect({ name: "bare", effect: () => {} })
const built = mkEffect({ name: "built", prebuilt: build, effect: () => {} })

test("true gives the effect to run, and what it prebuilds", () => {
  expect(runIf(true, bare)).toEqual({ run: bare })
  expect(runIf(true, built)).toEqual({ run: built, prebuilt: { kind: "prebuilt", builds: [build] } })
})

test("false gives what it depends on, and prebuilds the same", () => {
  expect(runIf(false, bare)).toEqual({ dependencies: { kind: "dependencies", of: bare } })
  expect(runIf(false, built)).toEqual({
    dependencies: { kind: "dependencies", of: built },
    prebuilt: { kind: "prebuilt", builds: [build] },
  })
})

// JavaScript has no compiler to refuse these.
test.each([["unknown"], [null], [undefined], [1], ["true"]])("a condition that is %s is refused", (value) => {
  const call = (): unknown => Reflect.apply(runIf, undefined, [value, bare])
  expect(call).toThrow(
    expect.objectContaining({
      code: "condition-invalid",
      exit: 2,
      message: `runIf: the condition of bare is ${value === undefined ? "undefined" : JSON.stringify(value)}, not true or false`,
      hint: expect.stringContaining("repo.isDefaultBranch === true"),
    }),
  )
})
