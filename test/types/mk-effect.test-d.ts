import { mkEffect, Secret, type Effect, type SecretData, type SetupStep } from "alcides"
import { readSecretString, writeAWSSecret } from "alcides/effects"
import { expectTypeOf, test } from "vitest"

const effect = (): void => {}

test("a name and an effect are enough, and every option has its place", () => {
  expectTypeOf(mkEffect({ name: "hello", effect })).toEqualTypeOf<Effect>()
  mkEffect({
    name: "hello",
    prebuilt: { type: "flake", installable: ".#hello" },
    src: import.meta.dirname,
    secretsMap: { aws: "neat-aws", git: { type: "GitToken" } },
    state: ["one.json", { name: "two.json", access: "read", onMissing: "fail" }],
    lock: { name: "production", shared: true },
    after: ["first", "second"],
    timeout: 3600,
    env: { REGION: "eu-central-1" },
    passEnv: ["DEPLOY_TOKEN"],
    inputs: ["nix"],
    validate: ({ repo, src }) => {
      expectTypeOf(repo.branch).toEqualTypeOf<string | null>()
      expectTypeOf(src).toBeString()
    },
    userSetup: [writeAWSSecret("aws", "default")],
    getState: ({ stateFile }) => {
      expectTypeOf(stateFile("one.json").version).toEqualTypeOf<number | "absent">()
    },
    priorCheck: ({ run }) => run("ping", ["-c", "1", "example.com"]),
    effect: async ({ run, secret, home }) => {
      expectTypeOf(secret("aws")).toEqualTypeOf<Secret<SecretData>>()
      const { stdout } = await run("aws", ["--version"], { env: { HOME: home }, output: "quiet" })
      expectTypeOf(stdout).toBeString()
    },
  })
})

test("an effect without an effect, or without a name, does not compile", () => {
  // @ts-expect-error `effect` is missing
  mkEffect({ name: "hello" })
  // @ts-expect-error `name` is missing
  mkEffect({ effect })
})

test("an option that does not exist does not compile", () => {
  // @ts-expect-error the option is `timeout`
  mkEffect({ name: "hello", effect, timeOut: 60 })
  // @ts-expect-error the option of a state file is `onMissing`
  mkEffect({ name: "hello", effect, state: { name: "one.json", onMising: "fail" } })
  // @ts-expect-error a state file is read or written
  mkEffect({ name: "hello", effect, state: { name: "one.json", access: "append" } })
  // @ts-expect-error seconds are a number
  mkEffect({ name: "hello", effect, timeout: "1h" })
  // @ts-expect-error a build says what kind it is
  mkEffect({ name: "hello", effect, prebuilt: { installable: ".#hello" } })
  // @ts-expect-error there is no such kind of build
  mkEffect({ name: "hello", effect, prebuilt: { type: "flakes", installable: ".#hello" } })
})

test("a secret that is not in the secretsMap does not compile", () => {
  const secretsMap = { aws: "neat-aws" } as const
  // @ts-expect-error `awz` is no key of the secretsMap
  mkEffect({ name: "hello", secretsMap, effect, userSetup: [writeAWSSecret("awz")] })
  // @ts-expect-error `neat-aws` is the name in secrets.json, not in the secretsMap
  mkEffect({ name: "hello", secretsMap, effect, userSetup: [writeAWSSecret("neat-aws")] })
  // @ts-expect-error without a secretsMap there is no secret
  mkEffect({ name: "hello", effect, userSetup: [writeAWSSecret("aws")] })
  // @ts-expect-error `awz` is no key of the secretsMap
  mkEffect({ name: "hello", secretsMap, effect: ({ secret }) => void secret("awz") })
  // @ts-expect-error `awz` is no key of the secretsMap
  mkEffect({ name: "hello", secretsMap, effect, putState: ({ secret }) => void secret("awz") })
  // @ts-expect-error without a secretsMap there is no secret
  mkEffect({ name: "hello", effect: ({ secret }) => void secret("aws") })
  // @ts-expect-error `awz` is no key of the secretsMap
  mkEffect({ name: "hello", secretsMap, effect: (context) => void readSecretString(context, "awz", "key") })
  // @ts-expect-error the only reference besides a name is a GitToken
  mkEffect({ name: "hello", secretsMap: { git: { type: "GitTokens" } }, effect })
})

test("a setup step of one's own keeps the names it reads", () => {
  const writeToken = <const Name extends string>(name: Name): SetupStep<Name> => ({
    description: "write the token",
    secrets: [name],
    run: (context) => void context.secret(name),
  })
  mkEffect({ name: "hello", secretsMap: { token: "neat-token" }, effect, userSetup: [writeToken("token")] })
  // @ts-expect-error `tokn` is no key of the secretsMap
  mkEffect({ name: "hello", secretsMap: { token: "neat-token" }, effect, userSetup: [writeToken("tokn")] })
})

test("what an effect is cannot be changed afterwards", () => {
  const made = mkEffect({ name: "hello", effect })
  // @ts-expect-error an effect's name is read-only
  made.name = "goodbye"
  // @ts-expect-error lists are read-only
  made.state.push({ name: "one.json" })
  // @ts-expect-error lists are read-only
  made.phases.userSetup.push(writeAWSSecret("aws"))
  // @ts-expect-error the variables are read-only
  made.env["REGION"] = "eu-central-1"
})

test("a secret does not pass for a text", () => {
  const greet = (name: string): string => name
  // @ts-expect-error only reveal() gives the text
  greet(new Secret("planted"))
  greet(new Secret("planted").reveal())
})
