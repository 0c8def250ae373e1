# What only a deployment knows, for the prebuild.
{
  web = { lib, ... }: {
    networking.publicIPv4 = lib.mkForce "192.0.2.1";
  };
}
