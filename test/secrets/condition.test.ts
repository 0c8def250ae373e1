import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type Condition,
  type ConditionContext,
  conditionSchema,
  evaluateCondition,
} from "../../src/secrets/condition.ts"

const production: ConditionContext = {
  owner: "neat-org",
  name: "neat-repo",
  ref: "refs/heads/production",
  isDefaultBranch: false,
}
const unknown: ConditionContext = { owner: null, name: null, ref: null, isDefaultBranch: "unknown" }

describe("evaluateCondition", () => {
  test.each<[Condition, boolean, string]>([
    [true, true, "the condition is true"],
    [false, false, "the condition is false"],
    ["isDefaultBranch", false, 'isDefaultBranch: ref "refs/heads/production" is not the default branch'],
    ["isTag", false, 'isTag: ref "refs/heads/production" is no tag'],
    [{ isBranch: "production" }, true, 'isBranch: ref "refs/heads/production" is "refs/heads/production"'],
    [{ isBranch: "x" }, false, 'isBranch: ref "refs/heads/production" is not "refs/heads/x"'],
    [{ isBranch: "Production" }, false, 'isBranch: ref "refs/heads/production" is not "refs/heads/Production"'],
    [{ isBranch: "prod*" }, false, 'isBranch: ref "refs/heads/production" is not "refs/heads/prod*"'],
    [{ isOwner: "neat-org" }, true, 'isOwner: owner "neat-org" is "neat-org"'],
    [{ isOwner: "mallory" }, false, 'isOwner: owner "neat-org" is not "mallory"'],
    [{ isRepo: "neat-repo" }, true, 'isRepo: repository "neat-repo" is "neat-repo"'],
    [{ isRepo: "neat-org/neat-repo" }, false, 'isRepo: repository "neat-repo" is not "neat-org/neat-repo"'],
    [{ and: [] }, true, "and: nothing is asked for"],
    [{ or: [] }, false, "or: there is no alternative"],
    [{ and: [true, { isOwner: "a" }, { isOwner: "b" }] }, false, 'isOwner: owner "neat-org" is not "a"'],
    [{ and: [true, true] }, true, "the condition is true; the condition is true"],
    [{ or: [false, { isOwner: "neat-org" }, true] }, true, 'isOwner: owner "neat-org" is "neat-org"'],
    [{ or: [false, "isTag"] }, false, 'the condition is false; isTag: ref "refs/heads/production" is no tag'],
  ])("%j is %s", (condition, holds, because) => {
    expect(evaluateCondition(condition, production)).toEqual({ holds, because })
  })

  test.each<[Condition, ConditionContext, string]>([
    ["isTag", { ...production, ref: "refs/tags/v1" }, 'isTag: ref "refs/tags/v1" is a tag'],
    [
      "isDefaultBranch",
      { ...production, isDefaultBranch: true },
      'isDefaultBranch: ref "refs/heads/production" is the default branch',
    ],
  ])("%j holds", (condition, context, because) => {
    expect(evaluateCondition(condition, context)).toEqual({ holds: true, because })
  })

  test.each<[Condition, string]>([
    ["isDefaultBranch", "isDefaultBranch: the default branch is unknown"],
    ["isTag", "isTag: the ref is unknown"],
    [{ isBranch: "x" }, "isBranch: the ref is unknown"],
    [{ isOwner: "x" }, "isOwner: the owner is unknown"],
    [{ isRepo: "x" }, "isRepo: the repository is unknown"],
  ])("%j does not hold when that is unknown", (condition, because) => {
    expect(evaluateCondition(condition, unknown)).toEqual({ holds: false, because })
  })

  test.each<Condition>([{ isBranch: "null" }, { isOwner: "null" }, { isRepo: "null" }])(
    "%j is no way around",
    (condition) => {
      expect(evaluateCondition(condition, unknown).holds).toBe(false)
    },
  )

  test("a pull request's ref is no branch, no tag and not the default branch", () => {
    const context = { ...production, ref: "refs/pull/7/merge", isDefaultBranch: false }
    const branches = ["7/merge", "refs/pull/7/merge", "pull/7/merge"].map((isBranch) => ({ isBranch }))
    expect(evaluateCondition({ or: ["isTag", "isDefaultBranch", ...branches] }, context).holds).toBe(false)
  })
})

describe("conditionSchema", () => {
  test.each<[unknown, string]>([
    [{}, "expected one of the fields and, isBranch, isOwner, isRepo, or, got the empty object"],
    [{ not: "isTag" }, 'expected one of the fields and, isBranch, isOwner, isRepo, or, got "not"'],
    [
      JSON.parse('{"__proto__": true}'),
      'expected one of the fields and, isBranch, isOwner, isRepo, or, got "__proto__"',
    ],
    [{ isBranch: "a", isOwner: "b" }, "expected a single field, got isBranch, isOwner"],
    ["isdefaultbranch", 'expected an object, "isDefaultBranch", "isTag", true or false, got "isdefaultbranch"'],
    ["x".repeat(50), `expected an object, "isDefaultBranch", "isTag", true or false, got "${"x".repeat(40)}…"`],
    [null, 'expected an object, "isDefaultBranch", "isTag", true or false, got nothing'],
    [3, 'expected an object, "isDefaultBranch", "isTag", true or false, got a number'],
    [[], 'expected an object, "isDefaultBranch", "isTag", true or false, got an array'],
  ])("refuses %j", (value, message) => {
    expect(conditionSchema.safeParse(value).error?.issues).toMatchObject([{ path: [], message }])
  })

  test.each<[unknown, PropertyKey[], string]>([
    [{ isBranch: 3 }, ["isBranch"], "expected a string, got a number"],
    [{ isOwner: {} }, ["isOwner"], "expected a string, got an object"],
    [{ and: "isTag" }, ["and"], 'expected an array of conditions, got "isTag"'],
    [{ or: [true, { and: [{ isRepo: null }] }] }, ["or", 1, "and", 0, "isRepo"], "expected a string, got nothing"],
  ])("says where in %j", (value, path, message) => {
    expect(conditionSchema.safeParse(value).error?.issues).toMatchObject([{ path, message }])
  })

  test("finds every mistake", () => {
    const { error } = conditionSchema.safeParse({ and: ["isTga", true, { isOnwer: "a" }] })
    expect(error?.issues.map(({ path }) => path)).toEqual([
      ["and", 0],
      ["and", 2],
    ])
  })
})

describe("against a plain model", () => {
  const names = fc.constantFrom("a", "b", "main")
  const refs = fc.constantFrom("refs/heads/a", "refs/heads/main", "refs/tags/a", "refs/pull/1/merge", null)
  const contexts: fc.Arbitrary<ConditionContext> = fc.record({
    owner: fc.option(names),
    name: fc.option(names),
    ref: refs,
    isDefaultBranch: fc.constantFrom(true, false, "unknown" as const),
  })
  const { condition: conditions } = fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4 },
      fc.boolean(),
      fc.constantFrom<Condition>("isDefaultBranch", "isTag"),
      fc.record({ isBranch: names }),
      fc.record({ isOwner: names }),
      fc.record({ isRepo: names }),
      fc.record({ and: fc.array(tie("condition"), { maxLength: 3 }) }),
      fc.record({ or: fc.array(tie("condition"), { maxLength: 3 }) }),
    ),
  }))

  test("the verdict is the model's, and its reason is one line", () => {
    fc.assert(
      fc.property(conditions, contexts, (condition, context) => {
        const verdict = evaluateCondition(condition, context)
        expect(verdict.holds).toBe(model(condition, context))
        expect(verdict.because).toMatch(/^[^\n]+$/)
      }),
      { numRuns: 2000 },
    )
  })

  test("every condition reads back from JSON", () => {
    fc.assert(
      fc.property(conditions, (condition) => {
        expect(conditionSchema.parse(JSON.parse(JSON.stringify(condition)))).toEqual(condition)
      }),
    )
  })

  test("anything else is refused, never thrown on", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { success, data } = conditionSchema.safeParse(value)
        if (success) expect(data).toEqual(value)
      }),
    )
  })

  test("knowing less never grants more", () => {
    fc.assert(
      fc.property(conditions, contexts, (condition, context) => {
        if (evaluateCondition(condition, { owner: null, name: null, ref: null, isDefaultBranch: "unknown" }).holds) {
          expect(evaluateCondition(condition, context).holds).toBe(true)
        }
      }),
    )
  })
})

function model(condition: Condition, { owner, name, ref, isDefaultBranch }: ConditionContext): boolean {
  const holds = (part: Condition): boolean => {
    if (typeof part === "boolean") return part
    if (part === "isTag") return ref?.slice(0, 10) === "refs/tags/"
    if (part === "isDefaultBranch") return isDefaultBranch === true
    if ("and" in part) return part.and.reduce<boolean>((all, one) => all && holds(one), true)
    if ("or" in part) return part.or.reduce<boolean>((any, one) => any || holds(one), false)
    if ("isBranch" in part) return `refs/heads/${part.isBranch}` === ref
    return "isOwner" in part ? part.isOwner === owner : part.isRepo === name
  }
  return holds(condition)
}
