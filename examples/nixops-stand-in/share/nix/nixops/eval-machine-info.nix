# The same arguments and attributes as NixOps' file of this name, over a module evaluation of its own: no Nixpkgs is needed.
{ system ? builtins.currentSystem
, networkExprs
, uuid
, deploymentName
, args
, pluginNixExprs ? [ ]
, checkConfigurationOptions ? true
, flakeUri ? null
}:

let
  lib = import ./lib.nix;
  pkgs = import ./pkgs.nix { inherit lib system; };

  call = expr: if builtins.isFunction expr then expr args else expr;

  networkFromFile = file: call (import file) // { _file = toString file; };

  closure = builtins.genericClosure {
    startSet = map (file: { key = toString file; }) networkExprs;
    operator = { key }: map (file: { key = toString file; }) ((networkFromFile key).require or [ ]);
  };

  flakeNetwork = call (builtins.getFlake flakeUri).outputs.nixopsConfigurations.default // { _file = "<${flakeUri}>"; };

  networks = map ({ key }: networkFromFile key) closure ++ lib.optional (flakeUri != null) flakeNetwork;

  network = lib.zipAttrs networks;

  notMachines = [ "_file" "defaults" "network" "nixpkgs" "require" "resources" ];

  machineNames = builtins.attrNames (removeAttrs network notMachines);

  modulesOf = name: lib.concatMap (n: lib.optional (n ? ${name}) { inherit (n) _file; module = n.${name}; }) networks;

  defaults = lib.concatMap (n: lib.optional (n ? defaults) { inherit (n) _file; module = n.defaults; }) networks;

  evalMachine = name:
    let
      config = lib.evalModules {
        modules = modulesOf name ++ defaults ++ [{
          _file = "<nixops>";
          module = import ./machine-options.nix { inherit args deploymentName name uuid; };
        }];
        args = { inherit config deploymentName lib name nodes pkgs resources uuid; };
      };
    in
    { inherit config; };

  nodes = lib.genAttrs machineNames evalMachine;

  resourceDefinitions = lib.zipAttrs (network.resources or [ ]);

  resources = lib.mapAttrs
    (type: sets: lib.mapAttrs
      (name: definitions: lib.evalModules {
        modules = map (module: { _file = "resources.${type}.${name}"; inherit module; }) definitions;
        args = { inherit deploymentName lib name nodes pkgs resources uuid; };
      })
      (lib.zipAttrs sets))
    resourceDefinitions
  // { machines = lib.mapAttrs (_: node: node.config) nodes; };

  knownOptions = [ "boot" "deployment" "environment" "fileSystems" "networking" "services" "system" "users" ];

  checked = name: config:
    let unknown = builtins.attrNames (removeAttrs config knownOptions); in
    if checkConfigurationOptions && unknown != [ ]
    then throw "The option `${builtins.head unknown}' of machine `${name}' does not exist."
    else config;

  toplevel = name: { config }: pkgs.toplevel name (checked name config);
in
{
  inherit networks network nodes resources;
  defaults = network.defaults or [ ];

  # Phase 1: what must be known before anything is built.
  info = {
    network = builtins.foldl' (all: one: all // one) { } (network.network or [ ]);
    machines = lib.mapAttrs
      (name: { config }: config.deployment // {
        nixosRelease = config.system.nixos.release;
        inherit (config.networking) publicIPv4;
      })
      nodes;
    resources = removeAttrs resources [ "machines" ];
  };

  # Phase 2: whole machines.
  machines = { names }: pkgs.linkFarm "nixops-machines" (lib.genAttrs names (name: toplevel name nodes.${name}));

  nixopsArguments = lib.zipAttrs (lib.concatMap
    (file:
      let expr = import file; in
      lib.optional (builtins.isFunction expr) (lib.mapAttrs (_: _: toString file) (builtins.functionArgs expr)))
    networkExprs);
}
