# The few functions of Nixpkgs' library that networks commonly use, and a small module evaluation.
let
  inherit (builtins)
    attrNames attrValues catAttrs concatLists concatMap concatStringsSep elem filter foldl' functionArgs head isAttrs
    isFunction isList isPath isString listToAttrs mapAttrs toJSON;

  mkOverride = priority: content: { _type = "override"; inherit priority content; };

  priorityOf = value: if isAttrs value && value._type or "" == "override" then value.priority else 100;
  contentOf = value: if isAttrs value && value._type or "" == "override" then contentOf value.content else value;

  isPlainSet = value: isAttrs value && !(value ? _type) && value.type or "" != "derivation";

  # `mkIf` and `mkMerge` become no, one or many definitions.
  discharge = { _file, value }:
    if !isAttrs value then [{ inherit _file value; }]
    else if value._type or "" == "if" then (if value.condition then discharge { inherit _file; value = value.content; } else [ ])
    else if value._type or "" == "merge" then concatMap (content: discharge { inherit _file; value = content; }) value.contents
    else [{ inherit _file value; }];

  merge = path: definitions:
    let
      all = concatMap discharge definitions;
      best = foldl' (lowest: { value, ... }: if priorityOf value < lowest then priorityOf value else lowest) 10000 all;
      chosen = concatMap discharge (map ({ _file, value }: { inherit _file; value = contentOf value; })
        (filter ({ value, ... }: priorityOf value == best) all));
      values = catAttrs "value" chosen;
    in
    if builtins.all isPlainSet values then mergeSets path chosen
    else if builtins.all isList values then concatLists values
    else if builtins.all (value: value == head values) values then head values
    else
      throw ("The option `${path}' has conflicting definition values:"
        + concatStringsSep "" (map ({ _file, value }: "\n- In `${_file}': ${describe value}") chosen));

  mergeSets = path: definitions: mapAttrs
    (name: merge (if path == "" then name else "${path}.${name}"))
    (zipAttrs (map ({ _file, value }: mapAttrs (_: value: { inherit _file value; }) value) definitions));

  describe = value:
    if isFunction value then "<function>"
    else if isPlainSet value then "{ ${concatStringsSep " " (attrNames value)} }"
    else if isList value then "<list>"
    else toJSON value;

  # A module is a set, a function of the arguments or a file with either; `imports` and `config` are taken out of the set.
  definitionsOf = args: { _file, module }:
    let
      fromFile = isPath module || isString module;
      loaded = if fromFile then import module else module;
      file = if fromFile then toString module else _file;
      set = if isFunction loaded then loaded args else loaded;
      structured = set ? config || set ? options;
    in
    concatMap (imported: definitionsOf args { _file = file; module = imported; }) (set.imports or [ ])
    ++ [{ _file = file; value = if structured then set.config or { } else removeAttrs set [ "_file" "imports" "key" ]; }];

  zipAttrs = sets: listToAttrs (map
    (name: { inherit name; value = catAttrs name sets; })
    (concatMap attrNames sets));
in
{
  inherit concatMap concatStringsSep elem filter mapAttrs mkOverride zipAttrs;
  inherit (builtins) attrNames attrValues;

  mkForce = mkOverride 50;
  mkDefault = mkOverride 1000;
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: set: if condition then set else { };
  genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
  mapAttrsToList = f: set: attrValues (mapAttrs f set);

  evalModules = { modules, args }: mergeSets "" (concatMap discharge (concatMap (definitionsOf args) modules));
}
