let
  lib = builtins // rec {
    # attributes and lists
    genAttrs = names: f: lib.listToAttrs (map (name: { inherit name; value = f name; }) names);
    attrNames = builtins.attrNames;
    last = list: lib.elemAt list (lib.length list - 1);
    toList = x: if lib.isList x then x else [ x ];
    unique = lib.foldl' (list: x: if lib.elem x list then list else list ++ [ x ]) [ ];
    allUnique = list: lib.length (unique list) == lib.length list;
    optional = condition: x: if condition then [ x ] else [ ];
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    nameValuePair = name: value: { inherit name value; };
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    mapAttrs' = f: set: lib.listToAttrs (mapAttrsToList f set);
    filterAttrs = keep: set: removeAttrs set (lib.filter (name: !keep name set.${name}) (attrNames set));
    any = builtins.any;
    fix = f: let x = f x; in x;

    # strings
    concatStringsSep = builtins.concatStringsSep;
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    splitString = separator: text: lib.filter lib.isString (lib.split (escape separator) text);
    escape = lib.replaceStrings [ "." "[" ] [ "\\." "\\[" ];
    hasPrefix = prefix: text: lib.substring 0 (lib.stringLength prefix) text == prefix;
    toInt = text: lib.fromJSON text;
    small = chars "abcdefghijklmnopqrstuvwxyz";
    capital = chars "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    toUpper = lib.replaceStrings small capital;
    toLower = lib.replaceStrings capital small;
    optionalString = condition: text: if condition then text else "";
    chars = text: lib.genList (i: lib.substring i 1 text) (lib.stringLength text);
    versionOlder = a: b: lib.compareVersions a b < 0;

    # packages
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    isDerivation = x: x.type or null == "derivation";
    importTOML = path: lib.fromTOML (lib.readFile path);
    licenses.mit.spdxId = "MIT";
    platforms.unix = [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ];
    fileset = {
      unions = paths: assert lib.all lib.pathExists paths; paths;
      toSource =
        { root, fileset }:
        builtins.path {
          path = root;
          name = "source";
          filter =
            path: _:
            lib.any (wanted: hasPrefix "${wanted}/" "${path}/" || hasPrefix "${path}/" "${wanted}/") (map toString fileset);
        };
    };

    inherit (import ./modules.nix lib)
      evalModules literalExpression literalMD mkEnableOption mkIf mkMerge mkOption mkDefault mkForce types
      ;
  };
in
lib
