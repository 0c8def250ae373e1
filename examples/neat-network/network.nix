# What the machines are.
{
  network.description = "Neat network";

  database = { ... }: {
    services.database.port = 5432;
  };

  web = { config, nodes, ... }: {
    services.web.port = 80;
    services.web.database = "${nodes.database.config.networking.hostName}:${toString nodes.database.config.services.database.port}";
    environment.etc."motd".text = ''
      Welcome to ${config.networking.hostName}, which the world knows as ${config.networking.publicIPv4}.
    '';
  };
}
