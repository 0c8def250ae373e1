import { describe, expect, it } from "vitest"
import { mkEffect, type EffectOptions } from "../../src/effect/mk-effect.ts"
import { claimsOf, conflict } from "../../src/pipeline/claims.ts"
import { findEffect, flattenPipeline } from "../../src/pipeline/tree.ts"

const claims = (fields: Partial<EffectOptions>, name = "a") => {
  const { effects } = flattenPipeline({ [name]: mkEffect({ name, effect: () => {}, ...fields }) })
  return claimsOf(findEffect(effects, name))
}

describe("claimsOf", () => {
  it("are the effect's own lock, its locks and its state files, in the order of their names", () => {
    expect(
      claims({ state: ["db", { name: "known", access: "read" }], lock: [{ name: "zone", shared: true }, "cloud"] }),
    ).toEqual([
      { lock: "alcides.effect.a", exclusive: true },
      { lock: "alcides.state.db", exclusive: true, stateFile: "db" },
      { lock: "alcides.state.known", exclusive: false, stateFile: "known" },
      { lock: "cloud", exclusive: true },
      { lock: "zone", exclusive: false },
    ])
  })

  it("are asked for once, exclusively if one of the reasons says so", () => {
    expect(claims({ state: { name: "db", access: "read" }, lock: "alcides.state.db" })).toEqual([
      { lock: "alcides.effect.a", exclusive: true },
      { lock: "alcides.state.db", exclusive: true, stateFile: "db" },
    ])
    expect(claims({ lock: [{ name: "x", shared: true }, "x"] })).toContainEqual({ lock: "x", exclusive: true })
  })
})

describe("conflict", () => {
  it("is about the same lock, unless both share it", () => {
    const write = claims({ state: "db" }, "a")
    const read = (name: string) => claims({ state: { name: "db", access: "read" } }, name)
    expect(conflict(write, claims({ state: "db" }, "b"))).toBe(true)
    expect(conflict(write, read("b"))).toBe(true)
    expect(conflict(read("b"), read("c"))).toBe(false)
    expect(conflict(write, claims({ state: "other" }, "b"))).toBe(false)
  })
})
