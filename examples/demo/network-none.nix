# Where the machines are, for the real NixOps: nowhere. They are containers at addresses for documentation, which a demo never calls.
let
  at = address: { lib, ... }: {
    deployment.targetEnv = "none";
    deployment.targetHost = address;
    networking.publicIPv4 = lib.mkDefault address;
    boot.isContainer = true;
  };
in
{
  database = at "192.0.2.10";
  web = at "192.0.2.11";
}
