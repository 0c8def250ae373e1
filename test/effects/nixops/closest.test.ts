import { describe, expect, it } from "vitest"
import { closest } from "../../../effects/nixops/closest.ts"

const actions = ["switch", "dry-run", "plan", "build", "create", "copy", "dry-activate", "test", "boot"]

describe("closest", () => {
  it.each([
    ["swich", "switch"],
    ["swtich", "switch"],
    ["dryrun", "dry-run"],
    ["tset", "test"],
    ["dry-activat", "dry-activate"],
    ["build", "build"],
    ["deploy-everything", undefined],
    ["", undefined],
  ])("takes %j for %j", (typed, meant) => {
    expect(closest(typed, actions)).toBe(meant)
  })
})
