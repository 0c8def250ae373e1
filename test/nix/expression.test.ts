import { spawnSync } from "node:child_process"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { AlcidesError } from "../../src/errors.ts"
import { toNixExpression, type NixValue } from "../../src/nix/expression.ts"
import { nixWorld, type NixWorld } from "../support/nix.ts"

let world: NixWorld

beforeAll(async () => {
  world = await nixWorld()
})
afterAll(async () => world.remove())

function evaluate(expression: string): unknown {
  const args = ["--eval", "--strict", "--json", "-"]
  const { status, stdout, stderr } = spawnSync("nix-instantiate", args, {
    env: world.env,
    input: expression,
    encoding: "utf8",
  })
  if (status !== 0) throw new Error(`${stderr}\n${expression}`)
  return JSON.parse(stdout)
}

const text = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom("$", "{", "}", '"', "\\", "'", "\n", "\r", "\t", "a", "#", "/", "*") }),
  )
  .filter((value) => !value.includes("\0"))

// Nix prints six digits of a fraction only, so those are checked one by one below.
const value = fc.letrec<{ value: NixValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

describe("toNixExpression", () => {
  it("evaluates to the value that it was made of", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 30, maxLength: 60 }), (values) => {
        expect(evaluate(toNixExpression(values))).toEqual(values)
      }),
      { numRuns: 10 },
    )
  })

  it.each([1.5, -0.25, 1e21, 1e-7, 123456.5])("writes the number %d", (number) => {
    expect(evaluate(`${toNixExpression(number)} == builtins.fromJSON "${number}"`)).toBe(true)
  })

  it.each([
    ['a "quoted" ${word}', String.raw`"a \"quoted\" \${word}"`],
    ["$${x}", String.raw`"\$\${x}"`],
    ["two\nlines", String.raw`"two\nlines"`],
  ])("escapes %j", (given, expected) => {
    expect(toNixExpression(given)).toBe(expected)
  })

  it.each([
    ["a\0b", "Nix has no value for a string with a NUL character"],
    [Number.NaN, "Nix has no value for NaN"],
    [Number.POSITIVE_INFINITY, "Nix has no value for Infinity"],
  ])("refuses %j", (given, message) => {
    expect(() => toNixExpression(given)).toThrow(
      expect.objectContaining({ code: "nix-value-invalid", exit: 2, message } satisfies Partial<AlcidesError>),
    )
  })
})
