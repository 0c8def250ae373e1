import type { Effect } from "alcides"
import { runNixOps, runNixOps2, writeAWSSecret, writeSSHKey, type NixOpsAction } from "alcides/effects"
import { expectTypeOf, test } from "vitest"

const src = import.meta.dirname
const secretsMap = { aws: "neat-aws" } as const

test("the actions are those of nixops deploy", () => {
  expectTypeOf<NixOpsAction>().toEqualTypeOf<
    "switch" | "dry-run" | "plan" | "build" | "create" | "copy" | "dry-activate" | "test" | "boot"
  >()
})

test("the setup steps of a network read its own secrets only", () => {
  runNixOps({ name: "foo", src, secretsMap, userSetup: [writeAWSSecret("aws", "default")] })
  runNixOps2({ flake: src, secretsMap, userSetup: [writeAWSSecret("aws")] })
  // @ts-expect-error `awz` is no key of the secretsMap
  runNixOps({ name: "foo", src, secretsMap, userSetup: [writeAWSSecret("awz", "default")] })
  // @ts-expect-error the secretsMap has no `ssh`
  runNixOps({ name: "foo", src, secretsMap, userSetup: [writeSSHKey()] })
  // @ts-expect-error `awz` is no key of the secretsMap
  runNixOps2({ flake: src, secretsMap, userSetup: [writeAWSSecret("awz")] })
})

test("runNixOps2 takes a flake or network files, and one of them", () => {
  expectTypeOf(runNixOps2({ flake: src })).toEqualTypeOf<Effect>()
  expectTypeOf(runNixOps2({ networkFiles: ["nixops.nix"], src })).toEqualTypeOf<Effect>()
  // @ts-expect-error neither a flake nor network files
  runNixOps2({ name: "foo" })
  // @ts-expect-error both
  runNixOps2({ flake: src, networkFiles: ["nixops.nix"], src })
  // @ts-expect-error network files are relative to `src`
  runNixOps2({ networkFiles: ["nixops.nix"] })
})

test("runNixOps2 keeps its state in one place", () => {
  runNixOps2({ flake: src, stateName: "nixops-foo.json", onMissingState: "fail" })
  runNixOps2({ flake: src, forgetState: true, action: "dry-run" })
  // @ts-expect-error state that is forgotten has no file
  runNixOps2({ flake: src, forgetState: true, stateName: "nixops-foo.json" })
  // @ts-expect-error onMissingState speaks of a state file
  runNixOps2({ flake: src, onMissingState: "fail" })
  // @ts-expect-error a partial action writes to the network's own storage
  runNixOps2({ flake: src, action: "dry-run" })
})
