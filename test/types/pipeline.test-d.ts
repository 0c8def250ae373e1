import { mkEffect, pipeline, type Effect, type Pipeline, type PipelineContext, type Repo } from "alcides"
import { runIf, runNixOps } from "alcides/effects"
import { expectTypeOf, test } from "vitest"

const hello = mkEffect({ name: "hello", effect: () => {} })

test("a pipeline is a tree of effects, a tree of jobs, or a function that gives one", () => {
  expectTypeOf(pipeline({ hello })).toEqualTypeOf<Pipeline>()
  expectTypeOf(pipeline({ deep: { deeper: { hello } } })).toEqualTypeOf<Pipeline>()
  expectTypeOf(pipeline(({ repo }) => ({ hello: runIf(repo.branch === "main", hello) }))).toEqualTypeOf<Pipeline>()
  expectTypeOf(pipeline(async () => ({ hello }))).toEqualTypeOf<Pipeline>()
  pipeline({
    onPush: { default: { outputs: { hello } } },
    onSchedule: { nightly: { when: { minute: 30, hour: [2, 14], dayOfWeek: ["Mon"] }, outputs: { hello } } },
  })
  pipeline({ hello }, { store: "file:state", project: "github/neat-org/neat-repo" })
})

test("what is no effect does not compile", () => {
  // @ts-expect-error a text is no effect
  pipeline({ hello: "hello" })
  // @ts-expect-error a function that makes an effect is no effect
  pipeline({ hello: () => hello })
  // @ts-expect-error a promise of an effect is no effect
  pipeline(() => ({ hello: Promise.resolve(hello) }))
  // @ts-expect-error there is no such setting
  pipeline({ hello }, { stor: "file:state" })
})

test("a schedule that cannot be does not compile", () => {
  // @ts-expect-error there is no such day
  pipeline({ onSchedule: { nightly: { when: { dayOfWeek: ["Montag"] }, outputs: { hello } } } })
  // @ts-expect-error the minute is one number
  pipeline({ onSchedule: { nightly: { when: { minute: [0, 30] }, outputs: { hello } } } })
})

test("runIf takes true or false, and nothing that merely looks like it", () => {
  expectTypeOf(runIf).parameter(0).toEqualTypeOf<boolean>()
  expectTypeOf(runIf).parameter(1).toEqualTypeOf<Effect>()
  // @ts-expect-error "unknown" is not a reason to deploy
  runIf("unknown", hello)
  // @ts-expect-error isDefaultBranch may be "unknown": compare it with true
  pipeline(({ repo }) => ({ hello: runIf(repo.isDefaultBranch, hello) }))
  pipeline(({ repo }) => ({ hello: runIf(repo.isDefaultBranch === true, hello) }))
  // @ts-expect-error `null` is no condition
  pipeline(({ repo }) => ({ hello: runIf(repo.tag && true, hello) }))
  // @ts-expect-error an effect is needed
  runIf(true)
})

test("the repository says that it may not know, and cannot be changed", () => {
  expectTypeOf<PipelineContext["repo"]>().toEqualTypeOf<Repo>()
  expectTypeOf<Repo["ref"]>().toEqualTypeOf<string | null>()
  expectTypeOf<Repo["isDefaultBranch"]>().toEqualTypeOf<boolean | "unknown">()
  pipeline(({ repo }) => {
    // @ts-expect-error the context is read-only
    repo.branch = "production"
    return { hello }
  })
})

test("the example of the README compiles, and its mistakes do not", () => {
  const options = { name: "foo", src: import.meta.dirname, networkFiles: ["network.nix"] } as const
  expectTypeOf(runNixOps(options)).toEqualTypeOf<Effect>()
  runIf(true, runNixOps({ ...options, action: "dry-run" }))
  // @ts-expect-error a typo in the action
  runNixOps({ ...options, action: "swich" })
  // @ts-expect-error a typo in an option
  runNixOps({ name: "foo", src: import.meta.dirname, networkFile: ["network.nix"] })
  // @ts-expect-error the folder of the network is needed
  runNixOps({ name: "foo" })
})
