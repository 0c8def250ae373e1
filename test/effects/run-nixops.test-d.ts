import { expectTypeOf, test } from "vitest"
import type { Effect } from "alcides"
import { runNixOps, writeAWSSecret, writeSSHKey } from "alcides/effects"

const good = { name: "foo", src: "/src" }

test("runNixOps gives an effect", () => {
  expectTypeOf(runNixOps(good)).toEqualTypeOf<Effect>()
  runNixOps({
    ...good,
    networkFiles: ["network.nix"],
    networkArgs: { count: 3, nested: { list: [null, true, "text"] } },
    prebuild: true,
    prebuildOnlyNetworkFiles: ["stub.nix"],
    deployOnlyNetworkFiles: ["deploy.nix"],
    stateName: "state.json",
    knownHostsName: "known_hosts",
    onMissingState: "fail",
    NIX_PATH: "nixpkgs=/nixpkgs",
    action: "dry-activate",
    allowReboot: false,
    allowRecreate: false,
    effectCheck: false,
    lock: "production",
  })
})

test("setup steps read secrets of the secretsMap only", () => {
  runNixOps({ ...good, secretsMap: { aws: "neat-aws" }, userSetup: [writeAWSSecret("aws", "default")] })
  runNixOps({ ...good, secretsMap: { aws: "neat-aws", ssh: "neat-ssh" }, userSetup: [writeAWSSecret(), writeSSHKey()] })
  // @ts-expect-error awz is no key of secretsMap
  runNixOps({ ...good, secretsMap: { aws: "neat-aws" }, userSetup: [writeAWSSecret("awz", "default")] })
  // @ts-expect-error there is no secretsMap
  runNixOps({ ...good, userSetup: [writeAWSSecret("aws")] })
  // @ts-expect-error a check reads awz
  runNixOps({ ...good, secretsMap: { aws: "neat-aws" }, effectCheck: ({ secret }) => void secret("awz") })
})

test("mistakes do not compile", () => {
  // @ts-expect-error src is missing
  runNixOps({ name: "foo" })
  // @ts-expect-error a typo in action
  runNixOps({ ...good, action: "swich" })
  // @ts-expect-error a typo in an option
  runNixOps({ ...good, networkFile: ["network.nix"] })
  // @ts-expect-error functions are no arguments of a network
  runNixOps({ ...good, networkArgs: { f: () => 1 } })
})
