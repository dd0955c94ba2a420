# As much of NixOS as a module with services touches: `config`, and `units` as systemd gets them.
{ lib, pkgs }:
modules:
let
  inherit (lib) mkOption types;
  list = type: mkOption { type = types.listOf type; default = [ ]; };
  set = type: mkOption { type = types.attrsOf type; default = { }; };
  text = types.oneOf [ types.str types.int types.bool ];
  section = set (types.oneOf [ text (types.listOf text) ]);
  service = {
    options = {
      wantedBy = list types.str;
      path = list types.anything;
      environment = set types.str;
      unitConfig = section;
      serviceConfig = section;
    };
  };
  nixos = {
    options = {
      assertions = list types.anything;
      warnings = list types.str;
      environment.systemPackages = list types.package;
      environment.etc = set types.anything;
      networking.firewall.allowedTCPPorts = list types.port;
      networking.firewall.allowedUDPPorts = list types.port;
      systemd.services = set (types.submodule service);
      users.users = set types.anything;
    };
  };
  inherit
    (lib.evalModules {
      modules = [ nixos ] ++ modules;
      specialArgs = { inherit pkgs; };
    })
    config options
    ;

  failed = map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);
  word = x: if lib.isBool x then lib.toJSON x else toString x;
  lines = section: lib.concatStringsSep "" (
    lib.concatLists (lib.mapAttrsToList (key: x: map (x: "${key}=${word x}\n") (lib.toList x)) section)
  );
  unit = service: ''
    [Unit]
    ${lines service.unitConfig}
    [Service]
    ${lines (service.serviceConfig // {
      Environment = lib.mapAttrsToList (name: x: lib.toJSON "${name}=${x}") service.environment
        ++ [ "PATH=${lib.concatMapStringsSep ":" (package: "${package}/bin") service.path}" ];
    })}
    [Install]
    ${lines { WantedBy = service.wantedBy; }}
  '';
in
{
  inherit failed config options;
  units =
    if failed != [ ] then
      throw "Failed assertions: ${lib.concatStringsSep " " failed}"
    else
      lib.mapAttrs (_: unit) config.systemd.services;
}
