import { expectTypeOf, test } from "vitest"
import type { Effect } from "alcides"
import { runNixOps2, writeAWSSecret } from "alcides/effects"

const classic = { networkFiles: ["nixops.nix"], src: "/src" }
const exception = "I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved."

test("runNixOps2 takes a flake or network files", () => {
  expectTypeOf(runNixOps2({ flake: "/src" })).toEqualTypeOf<Effect>()
  expectTypeOf(runNixOps2({ ...classic, name: "foo" })).toEqualTypeOf<Effect>()
  // @ts-expect-error neither
  runNixOps2({ name: "foo" })
  // @ts-expect-error both
  runNixOps2({ ...classic, flake: "/src" })
  // @ts-expect-error network files need their folder
  runNixOps2({ networkFiles: ["nixops.nix"] })
})

test("other actions than switch need a place for the state where they do no harm", () => {
  runNixOps2({ ...classic, action: "switch" })
  runNixOps2({ ...classic, action: "build", stateName: "foo.json" })
  runNixOps2({ ...classic, action: "build", forgetState: true })
  runNixOps2({ ...classic, action: "build", makeAnException: exception })
  // @ts-expect-error the network's remote storage could be corrupted
  runNixOps2({ ...classic, action: "build" })
  // @ts-expect-error not the sentence
  runNixOps2({ ...classic, action: "build", makeAnException: "please" })
  // @ts-expect-error the state is either kept or forgotten
  runNixOps2({ ...classic, stateName: "foo.json", forgetState: true })
})

test("setup steps read secrets of the secretsMap only", () => {
  runNixOps2({ ...classic, secretsMap: { aws: "neat-aws" }, userSetup: [writeAWSSecret("aws")] })
  // @ts-expect-error awz is no key of secretsMap
  runNixOps2({ ...classic, secretsMap: { aws: "neat-aws" }, userSetup: [writeAWSSecret("awz")] })
})
