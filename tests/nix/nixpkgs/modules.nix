# Modules as nixpkgs' lib.evalModules has them: options have types and are declared once, conditions are pushed down to
# what they hold for, stronger definitions win, and what no option is for is refused.
lib:
let
  at = lib.concatStringsSep ".";
  refuse = place: text: throw "The option `${at place}' ${text}";
  kind = x: x._type or null;
  strength = x: if kind x == "override" then x.priority else 100;
  held = x: if kind x == "override" then x.content else x;

  # The sets that a definition is made of, conditions moved to their attributes.
  pushed =
    x:
    if kind x == "merge" then
      lib.concatMap pushed x.contents
    else if kind x == "if" then
      map (lib.mapAttrs (_: content: mkIf x.condition content)) (pushed x.content)
    else
      [ x ];

  # What holds of a definition.
  plain =
    x:
    if kind x == "merge" then
      lib.concatMap plain x.contents
    else if kind x == "if" then
      lib.optionals x.condition (plain x.content)
    else
      [ x ];

  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };

  named = name: sets: lib.concatMap (set: lib.optional (set ? ${name}) set.${name}) sets;
  names = sets: lib.unique (lib.concatMap lib.attrNames sets);

  # The value of a type at a place, of the definitions that hold and are the strongest.
  settle =
    type: place: definitions:
    let
      all = lib.concatMap plain definitions;
      best = lib.foldl' (a: b: if a < b then a else b) 9999 (map strength all);
    in
    type.merge place (map held (lib.filter (x: strength x == best) all));

  value =
    option: place: definitions:
    let
      given = definitions ++ lib.optional (option ? default) (mkOverride 1500 option.default);
    in
    if lib.concatMap plain given == [ ] then
      refuse place "was accessed but has no value defined."
    else
      settle option.type place given;

  tree =
    place: options: free: sets:
    let
      definitions = lib.concatMap pushed sets;
      foreign = lib.filter (name: !(options ? ${name})) (names definitions);
      below = name: option:
        let
          here = place ++ [ name ];
        in
        if kind option == "option" then
          value option here (named name definitions)
        else
          tree here option null (named name definitions);
    in
    if foreign != [ ] && free == null then
      refuse (place ++ [ (lib.head foreign) ]) "does not exist."
    else
      lib.optionalAttrs (free != null) (
        settle free place (map (set: lib.removeAttrs set (lib.attrNames options)) definitions)
      )
      // lib.mapAttrs below options;

  declared =
    place: a: b:
    a
    // lib.mapAttrs (
      name: option:
      if !(a ? ${name}) then
        option
      else if kind option == "option" || kind a.${name} == "option" then
        refuse (place ++ [ name ]) "is already declared."
      else
        declared (place ++ [ name ]) a.${name} option
    ) b;

  load =
    arguments: module:
    let
      made = if lib.isPath module then import module else module;
      set = if lib.isFunction made then made arguments else made;
      isLong = set ? options || set ? config;
    in
    lib.concatMap (load arguments) (set.imports or [ ])
    ++ [
      {
        options = set.options or { };
        config = if isLong then set.config or { } else lib.removeAttrs set [ "imports" "freeformType" ];
        free = set.freeformType or null;
      }
    ];

  evalModules =
    { modules, specialArgs ? { }, prefix ? [ ] }:
    let
      loaded = lib.concatMap (load (specialArgs // { inherit lib config options; })) modules;
      options = lib.foldl' (declared prefix) { } (map (module: module.options) loaded);
      free = lib.foldl' (a: b: if b == null then a else b) null (map (module: module.free) loaded);
      config = tree prefix options free (map (module: module.config) loaded);
    in
    { inherit options config; };

  # Types.
  one = name: check: {
    inherit name;
    merge =
      place: values:
      if !lib.all check values then
        refuse place "is not of type `${name}'."
      else if lib.length (lib.unique values) != 1 then
        refuse place "has conflicting definition values."
      else
        lib.head values;
  };
  types = rec {
    anything = one "anything" (_: true);
    bool = one "boolean" lib.isBool;
    str = one "string" lib.isString;
    int = one "signed integer" lib.isInt;
    port = one "16 bit unsigned integer" (x: lib.isInt x && 0 <= x && x <= 65535);
    package = one "package" lib.isDerivation;
    path = one "absolute path" (
      x: (lib.isPath x || lib.isString x || lib.isDerivation x) && lib.hasPrefix "/" (toString x)
    );
    externalPath = one "absolute path not in the Nix store" (
      x: lib.isString x && lib.hasPrefix "/" x && !lib.hasPrefix builtins.storeDir x && !lib.hasContext x
    );
    nullOr = type: {
      name = "null or ${type.name}";
      merge = place: values: if lib.all lib.isNull values then null else type.merge place values;
    };
    listOf = type: {
      name = "list of ${type.name}";
      merge =
        place: values:
        if lib.all lib.isList values then
          map (x: type.merge place [ x ]) (lib.concatLists values)
        else
          refuse place "is not of type `list of ${type.name}'.";
    };
    nonEmptyListOf = type: listOf type // {
      merge =
        place: values:
        let
          list = (listOf type).merge place values;
        in
        if list == [ ] then refuse place "is not of type `non-empty list'." else list;
    };
    attrsOf = type: {
      name = "attribute set of ${type.name}";
      below = lib.mapAttrs' (name: lib.nameValuePair "NAME.${name}") (type.below or { });
      merge =
        place: values:
        let
          sets = lib.concatMap pushed values;
          some = lib.filter (name: lib.concatMap plain (named name sets) != [ ]) (names sets);
        in
        if lib.all lib.isAttrs values then
          lib.genAttrs some (name: settle type (place ++ [ name ]) (named name sets))
        else
          refuse place "is not of type `attribute set of ${type.name}'.";
    };
    oneOf = alternatives: {
      name = lib.concatMapStringsSep " or " (type: type.name) alternatives;
      merge =
        place: values:
        let
          fits = type: (lib.tryEval (lib.deepSeq (type.merge place values) true)).success;
          # The first that fits; a package, say, is no attribute set, which would have no end.
          pick =
            rest:
            if rest == [ ] then
              refuse place "is not of type `${lib.concatMapStringsSep " or " (type: type.name) alternatives}'."
            else if fits (lib.head rest) then
              lib.head rest
            else
              pick (lib.tail rest);
        in
        (pick alternatives).merge place values;
    };
    submodule = module: {
      name = "submodule";
      below = (evalModules { modules = lib.toList module; }).options;
      merge =
        place: values:
        (evalModules {
          prefix = place;
          modules = lib.toList module ++ map (config: { inherit config; }) values;
        }).config;
    };
  };
in
{
  inherit evalModules mkIf types;
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkOption = option: option // { _type = "option"; };
  mkEnableOption = name: {
    _type = "option";
    type = types.bool;
    default = false;
    description = "Whether to enable ${name}.";
  };
  literalExpression = text: { _type = "literalExpression"; inherit text; };
  literalMD = text: { _type = "literalMD"; inherit text; };
}
