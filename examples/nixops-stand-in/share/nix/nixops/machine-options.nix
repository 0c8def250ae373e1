# What every machine has before its own definitions.
{ args, deploymentName, name, uuid }:
{ lib, ... }:
let
  default = lib.mkOverride 1500;
in
{
  networking.hostName = default name;
  networking.publicIPv4 = default null;
  networking.privateIPv4 = default null;
  system.nixos.release = default "stand-in";
  deployment = {
    inherit uuid;
    name = deploymentName;
    arguments = args;
    targetEnv = default "none";
    targetHost = default name;
    targetPort = default 22;
    keys = default { };
    standIn = {
      # The profile of ~/.aws/credentials that pays for the machine; null means that no credentials are needed.
      profile = default null;
      # The machine cannot be made.
      fails = default false;
      # The new configuration takes a reboot.
      needsReboot = default false;
      # A careless provider, which prints the credentials that it was given.
      printsCredentials = default false;
    };
  };
}
