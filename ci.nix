# What .ci/run and .github/workflows/ci.yml do, in Hercules CI's terms: one job on every push that runs the tests of this commit.
# The tests need npm's and Debian's packages, and so the network, which effects have and builds have not.
{ pkgs ? import <nixpkgs> { } }:
{
  herculesCI =
    { primaryRepo, ... }:
    {
      onPush.default.outputs.effects.test = derivation {
        name = "alcides-test";
        inherit (pkgs) system;
        builder = "${pkgs.bash}/bin/bash";
        args = [
          "-ec"
          ''
            export PATH=${pkgs.coreutils}/bin:${pkgs.bash}/bin:${pkgs.git}/bin:${pkgs.nodejs}/bin:${pkgs.nix}/bin
            cp -r ${primaryRepo.outPath} src
            chmod -R u+w src
            cd src
            npm ci --no-audit --no-fund
            node .ci/build.mjs
            npx vitest run --config .ci/vitest.config.ts
          ''
        ];
        isEffect = true;
      };
    };
}
