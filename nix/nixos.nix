# services.opencoderouter on NixOS: ../docs/nix.md
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.opencoderouter;
  units = import ./units.nix { inherit lib pkgs; };
  program = lib.getExe cfg.package;
  routers = lib.attrValues cfg.users;
  ports = map (router: router.settings.port) routers;

  # Those that listen for other machines, too.
  isLoopback = host: lib.elem (lib.toLower host) [ "localhost" "::1" "[::1]" ] || lib.hasPrefix "127." host;
  reached = lib.filter (router: !isLoopback router.settings.hostname) routers;

  # ADDRESS:PORT, an IPv6 address in brackets.
  port = place: lib.toInt (lib.last (lib.splitString ":" place));
  open = lib.filter (place: !(lib.hasPrefix "127." place || lib.hasPrefix "[::1]:" place)) cfg.dns.listen;
  dnsPorts = lib.optionals cfg.dns.enable (lib.unique (map port open));
  # Whether the DNS server follows a router of this machine.
  host = builtins.match "[a-z]+://(\\[[^]]*]|[^:/]*).*" cfg.dns.router;
  isHere = cfg.dns.enable && host != null && isLoopback (lib.head host);

  # A service as deploy/systemd has it; what depends on where things are is given.
  service =
    path: environment: serviceConfig:
    let
      unit = units.read path;
    in
    {
      wantedBy = [ "multi-user.target" ];
      unitConfig = unit.Unit;
      environment = removeAttrs (units.environment unit.Service) [ "PATH" ] // environment;
      serviceConfig =
        removeAttrs unit.Service [
          "Environment"
          "EnvironmentFile"
        ]
        // lib.filterAttrs (_: value: value != null) serviceConfig;
    };

  router =
    name: user:
    lib.nameValuePair "opencoderouter@${name}" (
      service (../deploy/systemd/system + "/opencoderouter@.service") { OCR_CONFIG = "${units.file user.settings}"; } {
        ExecStart = units.command ([ program "serve" "--" ] ++ user.projects);
        User = name;
        EnvironmentFile = user.environmentFile;
      }
      // {
        # Agents find the programs that the user has.
        path = [
          "/etc/profiles/per-user/${name}"
          "/run/current-system/sw"
        ];
      }
    );

  dns =
    service ../deploy/systemd/system/opencoderouter-dns.service
      (lib.filterAttrs (_: value: value != null) {
        OCR_CONFIG = "${units.file cfg.dns.settings}";
        OCR_ROUTER = cfg.dns.router;
        OCR_ROUTER_USER = cfg.dns.routerUser;
      })
      {
        ExecStart = units.command (
          [ program "dns" ] ++ lib.concatMap (place: [ "--listen" place ]) cfg.dns.listen
        );
        EnvironmentFile = cfg.dns.environmentFile;
      };
in
{
  options.services.opencoderouter = {
    enable = lib.mkEnableOption "OpenCodeRouter: names and routes for OpenCode servers";

    package = units.options.package self;

    users = lib.mkOption {
      default = { };
      example = lib.literalExpression ''{ alice.projects = [ "/home/alice/shop" ]; }'';
      description = ''
        The users who get a router. It runs as the user, since it routes to servers of its own user only: those that
        {option}`projects` names, and whatever else listens. The service is `opencoderouter@NAME`.
      '';
      type = lib.types.attrsOf (
        lib.types.submodule {
          options = {
            inherit (units.options) projects settings;
            environmentFile = units.options.environmentFile "`OCR_PASSWORD`, and keys of model providers";
          };
        }
      );
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether other machines reach the routers (TCP), their mDNS (UDP 5353), and the DNS server, each where it listens
        beyond this machine. They need the password or a token.
      '';
    };

    dns = {
      enable = lib.mkEnableOption "a DNS server for the names of projects, beside the router";

      listen = lib.mkOption {
        type = lib.types.nonEmptyListOf lib.types.str;
        default = [
          "127.0.0.1:8053"
          "[::1]:8053"
        ];
        example = [ "192.0.2.7:53" ];
        description = "Where it answers, over UDP and TCP: `ADDRESS:PORT`.";
      };

      router = lib.mkOption {
        type = lib.types.str;
        default = "http://127.0.0.1:8080";
        description = "The router whose names it tells.";
      };

      routerUser = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = if lib.length routers == 1 then lib.head (lib.attrNames cfg.users) else null;
        defaultText = lib.literalMD "the one of {option}`users`, where there is exactly one";
        example = "alice";
        description = "Whose router it is, where that is on this machine: nobody else's is shown the token.";
      };

      environmentFile = units.options.environmentFile "`OCR_TOKEN`, by which the router knows the DNS server";

      settings = lib.mkOption {
        type = (pkgs.formats.toml { }).type;
        default = { };
        example = {
          dns_zone = "dev.example.test";
          dns_forward = [ "192.0.2.1" ];
        };
        description = "What is written to its `config.toml`: options of `ocr-router dns`, with `_` for `-`.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.users != { } || cfg.dns.enable;
        message = "services.opencoderouter.users is empty: name who gets a router, such as `users.alice = { };`.";
      }
      {
        assertion = !(cfg.users ? root);
        message = "services.opencoderouter.users.root: its agents would be root. Name a user who works with them.";
      }
      {
        assertion = lib.allUnique ports;
        message = "services.opencoderouter.users: each router needs a port of its own; set settings.port.";
      }
      {
        assertion = cfg.dns.enable -> cfg.dns.environmentFile != null;
        message =
          "services.opencoderouter.dns.environmentFile: the router asks the DNS server for a token. Put OCR_TOKEN=... of "
          + "`ocr-router token create dns --read-only` into a file.";
      }
      {
        assertion = isHere -> cfg.dns.routerUser != null;
        message =
          "services.opencoderouter.dns.routerUser: name the user whose router is at ${cfg.dns.router}; "
          + "nobody else's is shown the token.";
      }
      (units.public "services.opencoderouter.dns" cfg.dns.settings)
    ]
    ++ lib.mapAttrsToList (
      name: user: units.public "services.opencoderouter.users.${name}" user.settings
    ) cfg.users;

    warnings = map (
      name: "services.opencoderouter.users.${name}: users.users has no such user."
    ) (lib.filter (name: !(config.users.users ? ${name})) (lib.attrNames cfg.users));

    environment.systemPackages = [ cfg.package ];

    networking.firewall = lib.mkIf cfg.openFirewall {
      allowedTCPPorts = map (router: router.settings.port) reached ++ dnsPorts;
      allowedUDPPorts = lib.optional (lib.any (router: router.settings.mdns or true) reached) 5353 ++ dnsPorts;
    };

    systemd.services =
      lib.mapAttrs' router cfg.users // lib.optionalAttrs cfg.dns.enable { opencoderouter-dns = dns; };
  };
}
