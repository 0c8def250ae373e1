import { pipeline } from "alcides"
import { runIf, runNixOps, writeAWSSecret } from "alcides/effects"

export default pipeline(({ repo }) => ({
  "neat-network": runIf(
    repo.ref === "refs/heads/production",
    runNixOps({
      name: "foo",
      src: import.meta.dirname,
      networkFiles: ["network.nix", "network-aws.nix"],
      prebuildOnlyNetworkFiles: ["network-stub.nix"],
      secretsMap: { aws: "neat-aws" },
      userSetup: [writeAWSSecret("aws", "default")],
    }),
  ),
}))
