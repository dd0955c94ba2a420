# services.opencoderouter of home-manager, on Linux and macOS: ../docs/nix.md
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
  unit = units.read ../deploy/systemd/user/opencoderouter.service;
  inherit (pkgs.stdenv.hostPlatform) isLinux isDarwin;
  settings = units.file cfg.settings;
  argv = [ (lib.getExe cfg.package) "serve" "--" ] ++ cfg.projects;
  log = "${config.home.homeDirectory}/Library/Logs/opencoderouter.log";
  # Agents find the programs that the user has.
  path = lib.concatStringsSep ":" [
    "${config.home.profileDirectory}/bin"
    "/run/wrappers/bin"
    "/etc/profiles/per-user/${config.home.username}/bin"
    "/run/current-system/sw/bin"
    "/usr/local/bin"
    "/usr/bin"
    "/bin"
  ];
in
{
  options.services.opencoderouter = {
    enable = lib.mkEnableOption "OpenCodeRouter: names and routes for OpenCode servers";
    package = units.options.package self;
    inherit (units.options) projects settings;
    environmentFile = units.options.environmentFile "`OCR_PASSWORD`, and keys of model providers (Linux only)";
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      (units.public "services.opencoderouter" cfg.settings)
      {
        assertion = isDarwin -> cfg.environmentFile == null;
        message =
          "services.opencoderouter.environmentFile: launchd reads no such file. "
          + "Name the password's file in settings.password_file.";
      }
    ];

    home.packages = [ cfg.package ];

    # There, so that all commands of the user's know the settings, not the service alone.
    xdg.configFile."opencoderouter/config.toml".source = settings;

    systemd.user.services.opencoderouter = lib.mkIf isLinux {
      Unit = unit.Unit // {
        X-Restart-Triggers = [ "${settings}" ];
      };
      Service =
        removeAttrs unit.Service [ "EnvironmentFile" ]
        // {
          ExecStart = units.command argv;
          Environment = lib.mapAttrsToList (name: value: "${name}=${value}") (
            units.environment unit.Service // { PATH = path; }
          );
        }
        // lib.optionalAttrs (cfg.environmentFile != null) { EnvironmentFile = cfg.environmentFile; };
      Install.WantedBy = [ "default.target" ];
    };

    launchd.agents.opencoderouter = lib.mkIf isDarwin {
      enable = true;
      # As in ../deploy/launchd, which says why.
      config = {
        ProgramArguments = argv;
        EnvironmentVariables.PATH = path;
        RunAtLoad = true;
        KeepAlive.SuccessfulExit = false;
        ExitTimeOut = 45;
        ProcessType = "Interactive";
        SoftResourceLimits.NumberOfFiles = 20480;
        StandardOutPath = log;
        StandardErrorPath = log;
      };
    };
  };
}
