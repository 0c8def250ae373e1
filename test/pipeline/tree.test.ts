import { describe, expect, it } from "vitest"
import { mkEffect, type EffectOptions } from "../../src/effect/mk-effect.ts"
import type { PipelineDefinition } from "../../src/pipeline/pipeline.ts"
import { findEffect, flattenPipeline, predecessors } from "../../src/pipeline/tree.ts"

const make = (name: string, fields: Partial<EffectOptions> = {}) => mkEffect({ name, effect: () => {}, ...fields })

const idsOf = (definition: PipelineDefinition): readonly string[] =>
  flattenPipeline(definition).effects.map(({ id, runs }) => `${id}${runs ? "" : " (not run)"}`)

// What JavaScript users may return, whom no compiler stops.
const flattenAny = (definition: unknown): unknown => Reflect.apply(flattenPipeline, undefined, [definition])

describe("flattenPipeline", () => {
  it("names each effect by its place", () => {
    const builds = [{ type: "flake", installable: ".#a" }] as const
    const tree = {
      alone: make("a"),
      net: { run: make("b"), prebuilt: { kind: "prebuilt", builds } },
      off: { dependencies: { kind: "dependencies", of: make("c") } },
      team: { east: { deep: make("d") } },
    } as const
    expect(idsOf(tree)).toEqual(["alone", "net", "off (not run)", "team.east.deep"])
    expect(flattenPipeline(tree).builds).toMatchObject([{ id: "net", builds }])
    expect(flattenPipeline(tree).jobs).toEqual([{ kind: "onPush", name: "default", when: undefined }])
  })

  it("refuses a state file that has the name of one of our own records", () => {
    const state = "alcides.deployed.a.json"
    expect(() => flattenPipeline({ a: make("a", { state }) })).toThrow(
      expect.objectContaining({
        code: "state-name-reserved",
        message: "a has the state file alcides.deployed.a.json, which is a record of Alcides itself",
        exit: 2,
      }),
    )
  })

  it("names effects of other jobs with their job", () => {
    const flat = flattenPipeline({
      onPush: { default: { outputs: { a: make("a") } }, ci: { outputs: { a: make("a") } } },
      onSchedule: { nightly: { when: { hour: 3 }, outputs: { a: make("a") } } },
    })
    expect(flat.effects.map(({ id }) => id)).toEqual(["a", "onPush.ci.a", "onSchedule.nightly.a"])
    expect(flat.jobs.map(({ kind, name }) => `${kind}.${name}`)).toEqual([
      "onPush.default",
      "onPush.ci",
      "onSchedule.nightly",
    ])
  })

  it("is empty for an empty tree", () => {
    expect(flattenPipeline({})).toMatchObject({ effects: [], builds: [] })
  })

  const circle: Record<string, unknown> = {}
  circle["again"] = circle

  it.each([
    ["null", null, "the pipeline is null, not an effect or a tree of effects"],
    ["a function", () => ({}), "the pipeline is a function, not an effect or a tree of effects"],
    ["a list", [make("a")], "the pipeline is a list, not an effect or a tree of effects"],
    ["a text", { a: "x" }, "a is a string, not an effect or a tree of effects"],
    ["undefined", { a: { b: undefined } }, "a.b is undefined, not an effect or a tree of effects"],
    ["a promise", { a: Promise.resolve(make("a")) }, "a is a Promise, not an effect or a tree of effects"],
    ["something of a class", { a: new Date() }, "a is a Date, not an effect or a tree of effects"],
    ["a list in a tree", { a: [make("a")] }, "a is a list, not an effect or a tree of effects"],
    ["a misspelt kind", { a: { kind: "efect" } }, "a.kind is a string, not an effect or a tree of effects"],
    ["a tree that holds itself", circle, /^again(\.again)* is nested deeper than 10 levels$/],
    ["jobs beside effects", { onPush: {}, a: make("a") }, 'the pipeline has "a" beside onPush and onSchedule'],
    ["jobs that are none", { onPush: null }, "onPush is null, not an effect or a tree of effects"],
    ["a job that is none", { onPush: { ci: null } }, "onPush.ci is null, not an effect or a tree of effects"],
    [
      "a job without outputs",
      { onPush: { ci: {} } },
      "onPush.ci.outputs is undefined, not an effect or a tree of effects",
    ],
    ["a job that is a tree", { onPush: { ci: { a: make("a") } } }, 'onPush.ci has "a" beside outputs'],
    [
      "a schedule with a typo",
      { onSchedule: { nightly: { when: {}, output: {} } } },
      'onSchedule.nightly has "output" beside when and outputs',
    ],
  ])("refuses %s", (_, definition, message) => {
    expect(() => flattenAny(definition)).toThrow(
      expect.objectContaining({
        code: "pipeline-tree-invalid",
        exit: 2,
        message: typeof message === "string" ? message : expect.stringMatching(message),
        hint: expect.any(String),
      }),
    )
  })

  it("tells what to do about a promise", () => {
    expect(() => flattenAny(Promise.resolve({}))).toThrow(
      expect.objectContaining({ hint: "await it: export default pipeline(async ({ repo }) => ({ … }))" }),
    )
  })

  it.each([
    [{ one: make("a"), two: make("a") }, 'one and two are both named "a"'],
    [{ "a.b": make("x"), a: { b: make("y") } }, 'two effects have the place "a.b"'],
    [
      { net: { run: make("x"), dependencies: { kind: "dependencies", of: make("y") } } },
      'two effects have the place "net"',
    ],
  ] satisfies readonly [PipelineDefinition, string][])(
    "refuses two effects with one name: %#",
    (definition, message) => {
      expect(() => flattenPipeline(definition)).toThrow(
        expect.objectContaining({ code: "effect-name-taken", exit: 2, message }),
      )
    },
  )

  it("refuses places under which nothing can be kept", () => {
    expect(() => flattenPipeline({ "a/b": make("a") })).toThrow(
      expect.objectContaining({ code: "lock-name-invalid", exit: 2 }),
    )
    expect(() => flattenPipeline({ ["x".repeat(190)]: make("a") })).toThrow(
      expect.objectContaining({ code: "state-name-invalid", exit: 2 }),
    )
  })
})

describe("after", () => {
  it("finds effects by place and by name, in their own job", () => {
    const { effects } = flattenPipeline({
      onPush: {
        default: {
          outputs: { a: make("one"), b: { run: make("two", { after: ["a"] }) }, c: make("three", { after: "two" }) },
        },
        ci: { outputs: { c: make("three", { after: "one" }), a: make("one") } },
      },
    })
    const before = (id: string): readonly string[] =>
      predecessors(findEffect(effects, id), effects).map((node) => node.id)
    expect(before("b")).toEqual(["a"])
    expect(before("c")).toEqual(["b"])
    expect(before("onPush.ci.c")).toEqual(["onPush.ci.a"])
  })

  it("refuses a name that the job does not have, also when another has it", () => {
    expect(() =>
      flattenPipeline({
        onPush: { default: { outputs: { a: make("a", { after: "b" }) } }, ci: { outputs: { b: make("b") } } },
      }),
    ).toThrow(
      expect.objectContaining({
        code: "after-unknown",
        exit: 2,
        message: 'a comes after "b", and its job has no such effect',
        hint: "its job has a",
      }),
    )
  })

  it("refuses a circle, and names it", () => {
    expect(() => flattenPipeline({ a: make("a", { after: "a" }) })).toThrow(
      expect.objectContaining({ code: "after-cycle", exit: 2, message: "effects wait for each other: a after a" }),
    )
    expect(() =>
      flattenPipeline({ x: make("x", { after: "a" }), a: make("a", { after: "b" }), b: make("b", { after: "a" }) }),
    ).toThrow(expect.objectContaining({ message: "effects wait for each other: a after b after a" }))
  })
})

describe("findEffect", () => {
  it("says what there is", () => {
    const { effects } = flattenPipeline(Object.fromEntries([..."abcdefghij"].map((name) => [name, make(name)])))
    expect(() => findEffect(effects, "z")).toThrow(
      expect.objectContaining({
        code: "effect-unknown",
        exit: 2,
        message: 'the pipeline has no effect "z"',
        hint: "it has a, b, c, d, e, f, g, h, …; see alcides effect list",
      }),
    )
    expect(() => findEffect([], "z")).toThrow(expect.objectContaining({ hint: "the pipeline has no effects at all" }))
  })
})
