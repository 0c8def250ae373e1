import { describe, expect, it } from "vitest"
import { mkEffect } from "../../src/effect/mk-effect.ts"

const effect = (): void => {}

// What JavaScript users may write, whom no compiler stops.
const make = (options: unknown): unknown => Reflect.apply(mkEffect, undefined, [options])

describe("mkEffect", () => {
  it("fills in the defaults", () => {
    expect(mkEffect({ name: "a", effect })).toEqual({
      kind: "effect",
      name: "a",
      prebuilt: [],
      src: undefined,
      secretsMap: {},
      state: [],
      locks: [],
      after: [],
      timeout: undefined,
      env: {},
      passEnv: [],
      inputs: [],
      readOnly: false,
      validate: undefined,
      phases: {
        init: undefined,
        getState: undefined,
        userSetup: [],
        priorCheck: undefined,
        effect,
        putState: undefined,
        effectCheck: undefined,
      },
    })
  })

  it("takes one or more of everything, and the programs of its setup steps", () => {
    const step = { description: "a key", secrets: ["ssh" as const], inputs: ["ssh-keygen", "jq"], run: () => {} }
    const made = mkEffect({
      name: "a",
      effect,
      prebuilt: { type: "flake", installable: ".#hello" },
      secretsMap: { ssh: "deploy-key", git: { type: "GitToken" } },
      state: ["one.json", { name: "two.json", access: "read", onMissing: "fail", missingMeans: "new" }],
      lock: { name: "shared", shared: true },
      after: "b",
      inputs: ["jq"],
      userSetup: [step],
    })
    expect(made).toMatchObject({
      prebuilt: [{ type: "flake" }],
      state: [
        { name: "one.json", access: "write", onMissing: "create", missingMeans: undefined, mayBeEmpty: false },
        { name: "two.json", access: "read", onMissing: "fail", missingMeans: "new", mayBeEmpty: false },
      ],
      locks: [{ name: "shared", shared: true }],
      after: ["b"],
      inputs: ["jq", "ssh-keygen"],
    })
    expect(Object.isFrozen(made)).toBe(true)
  })

  it.each([
    [undefined, "an effect without a name: Invalid input: expected object, received undefined"],
    [{ effect }, "an effect without a name: name: Invalid input: expected string, received undefined"],
    [{ name: "a b", effect }, /^effect a b: name: must begin with a letter, and hold only letters, digits/],
    [{ name: "a" }, "effect a: effect: must be a function"],
    [{ name: "a", effect, stat: "x" }, 'effect a: there is no option "stat"'],
    [{ name: "a", effect, src: "network" }, "effect a: src: must be an absolute path, such as import.meta.dirname"],
    [
      { name: "a", effect, state: { nam: "x" } },
      /^effect a: state(\.name: Invalid input: expected string|: there is no option "nam")/,
    ],
    [
      { name: "a", effect, state: [{ name: "x", access: "rw" }] },
      /^effect a: state\.0\.access: Invalid option: expected one of "read"\|"write"/,
    ],
    [{ name: "a", effect, lock: [{ name: "x", share: true }] }, 'effect a: lock.0: there is no option "share"'],
    [
      { name: "a", effect, prebuilt: { type: "flke", installable: "." } },
      /^effect a: prebuilt: must be a build, such as/,
    ],
    [
      { name: "a", effect, prebuilt: [{ type: "flake", file: "." }] },
      /^effect a: prebuilt\.0: must be a build, such as/,
    ],
    [{ name: "a", effect, timeout: 0 }, /^effect a: timeout: Too small/],
    [{ name: "a", effect, timeout: 90 * 24 * 3600 }, "effect a: timeout: must be at most 24 days, in seconds"],
    [{ name: "a", effect, env: { "A=B": "x" } }, /^effect a: env\.A=B: /],
    [{ name: "a", effect, passEnv: [""] }, "effect a: passEnv.0: must be a name of a variable"],
    [{ name: "a", effect, userSetup: ["x"] }, "effect a: userSetup.0: must be a setup step, such as writeSSHKey()"],
    [{ name: "a", effect, init: true }, "effect a: init: must be a function"],
    [{ name: "a", effect, secretsMap: { x: { type: "Token" } } }, /^effect a: secretsMap\.x/],
  ])("refuses %j", (options, message) => {
    expect(() => make(options)).toThrow(
      expect.objectContaining({
        code: "effect-invalid",
        exit: 2,
        message: typeof message === "string" ? message : expect.stringMatching(message),
        hint: "see docs/effects/mk-effect.md for the options",
      }),
    )
  })

  it("refuses names of states and locks that could be no file names", () => {
    expect(() => mkEffect({ name: "a", effect, state: "../x" })).toThrow(
      expect.objectContaining({ code: "state-name-invalid", exit: 2 }),
    )
    expect(() => mkEffect({ name: "a", effect, lock: "a/b" })).toThrow(
      expect.objectContaining({ code: "lock-name-invalid", exit: 2 }),
    )
  })

  it("refuses one that is said to change nothing, and writes state", () => {
    expect(() => mkEffect({ name: "a", effect, readOnly: true, state: "x" })).toThrow(
      expect.objectContaining({
        code: "effect-invalid",
        exit: 2,
        message: 'effect a is readOnly, but writes the state file "x"',
        hint: 'give the state file access: "read", or remove readOnly',
      }),
    )
    expect(() => mkEffect({ name: "a", effect, readOnly: true, putState: () => {} })).toThrow(
      expect.objectContaining({
        message: "effect a is readOnly, but has a putState phase",
        hint: "remove putState, or readOnly",
      }),
    )
    expect(mkEffect({ name: "a", effect, readOnly: true, state: { name: "x", access: "read" } }).readOnly).toBe(true)
  })

  it("refuses a state file that is listed twice, whatever for", () => {
    expect(() => mkEffect({ name: "a", effect, state: ["x", "y", { name: "x", access: "read" }] })).toThrow(
      expect.objectContaining({
        code: "effect-invalid",
        exit: 2,
        message: 'effect a: the state file "x" is listed twice',
        hint: "give each state file a name of its own",
      }),
    )
  })

  it("refuses a setup step whose secret it does not have, also one that every object has", () => {
    const step = (name: string) => ({ description: "writeSSHKey", secrets: [name], run: () => {} })
    expect(() => make({ name: "a", effect, secretsMap: { aws: "x" }, userSetup: [step("ssh")] })).toThrow(
      expect.objectContaining({
        code: "effect-invalid",
        message: 'effect a: writeSSHKey reads the secret "ssh", which its secretsMap does not have',
        hint: "the secretsMap has aws",
      }),
    )
    expect(() => make({ name: "a", effect, userSetup: [step("toString")] })).toThrow(
      expect.objectContaining({ hint: 'add secretsMap: { toString: "NAME-IN-SECRETS-JSON" }' }),
    )
  })
})
