# What the machines are.
{
  network.description = "Neat network";

  database = { ... }: {
    networking.firewall.allowedTCPPorts = [ 5432 ];
  };

  web = { config, nodes, ... }: {
    networking.firewall.allowedTCPPorts = [ 80 ];
    environment.etc."database".text = "${nodes.database.config.networking.hostName}:5432";
    environment.etc."welcome".text = ''
      Welcome to ${config.networking.hostName}, which the world knows as ${config.networking.publicIPv4}.
    '';
  };
}
