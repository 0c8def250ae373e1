# Real derivations from nothing but the shell of the build sandbox (busybox), or the machine's own without a sandbox.
{ lib, system }:
let
  runCommand = name: env: script: derivation ({
    inherit name system;
    builder = "/bin/sh";
    args = [ "-euc" script ];
    PATH = "/usr/bin:/bin";
    preferLocalBuild = true;
  } // env);

  etcFile = name: { text ? null, source ? builtins.toFile (builtins.baseNameOf name) text }: ''
    mkdir -p "$out/etc/$(dirname ${name})"
    cp ${source} $out/etc/${name}
  '';
in
{
  inherit lib runCommand system;

  writeText = name: text: runCommand name { inherit text; } ''printf %s "$text" > $out'';

  linkFarm = name: targets: runCommand name { } ''
    mkdir $out
    ${lib.concatStringsSep "\n" (lib.mapAttrsToList (link: target: "ln -s ${target} $out/${link}") targets)}
  '';

  # The system of one machine: its files, its name, and all of its configuration for people to read.
  toplevel = name: config: runCommand "system-${name}"
    { configuration = builtins.toJSON (removeAttrs config [ "deployment" ]); }
    ''
      mkdir $out
      printf '%s\n' ${config.networking.hostName} > $out/hostname
      printf '%s\n' "$configuration" > $out/configuration.json
      ${lib.concatStringsSep "\n" (lib.mapAttrsToList etcFile (config.environment.etc or { }))}
    '';
}
