# As much of home-manager as a module with a service touches.
{ lib, pkgs }:
modules:
let
  inherit (lib) mkOption types;
  list = type: mkOption { type = types.listOf type; default = [ ]; };
  set = type: mkOption { type = types.attrsOf type; default = { }; };
  text = types.oneOf [ types.str types.int types.bool ];
  home = {
    options = {
      assertions = list types.anything;
      home = {
        username = mkOption { type = types.str; };
        homeDirectory = mkOption { type = types.str; };
        profileDirectory = mkOption { type = types.str; };
        packages = list types.package;
      };
      xdg.configFile = set types.anything;
      systemd.user.services = set (types.attrsOf (types.attrsOf (types.oneOf [ text (types.listOf text) ])));
      launchd.agents = set types.anything;
    };
    config.home = {
      username = "alice";
      homeDirectory = "/home/alice";
      profileDirectory = "/home/alice/.nix-profile";
    };
  };
  inherit
    (lib.evalModules {
      modules = [ home ] ++ modules;
      specialArgs = { inherit pkgs; };
    })
    config
    ;
in
{
  inherit config;
  failed = map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);
}
