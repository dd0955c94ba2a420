# What the NixOS module and the home-manager module have in common.
{ lib, pkgs }:
let
  toml = pkgs.formats.toml { };
in
{
  # The sections of one of the unit files in ../deploy/systemd, so that a service is the same however it is installed.
  # A key that stands there twice is a list.
  read =
    path:
    let
      lines = lib.filter (line: line != "" && !lib.hasPrefix "#" line) (
        lib.splitString "\n" (builtins.readFile path)
      );
      take =
        { name, found }:
        line:
        let
          header = builtins.match "\\[(.*)]" line;
          pair = builtins.match "([A-Za-z]+)=(.*)" line;
          key = lib.head pair;
          value = lib.last pair;
          before = found.${name} or { };
        in
        if header != null then
          {
            inherit found;
            name = lib.head header;
          }
        else
          {
            inherit name;
            found = found // {
              ${name} = before // {
                ${key} = if before ? ${key} then lib.toList before.${key} ++ [ value ] else value;
              };
            };
          };
    in
    (lib.foldl' take {
      name = "";
      found = { };
    } lines).found;

  # What a section [Service] sets in the environment, but for what its command line takes from there.
  environment =
    service:
    let
      pair = builtins.match "\"?([A-Za-z_]+)=([^\"]*)\"?";
      pairs = map pair (lib.toList (service.Environment or [ ]));
    in
    removeAttrs (lib.listToAttrs (
      map (found: {
        name = lib.head found;
        value = lib.last found;
      }) pairs
    )) [ "OPTIONS" "PROJECTS" ];

  # A command line for ExecStart=, in which nothing is special to systemd.
  command = lib.concatMapStringsSep " " (
    word: lib.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON word)
  );

  file = toml.generate "opencoderouter.toml";

  # The assertion that settings hold no secret: everybody can read the Nix store.
  public =
    option: settings:
    let
      withPassword = url: builtins.match ".*://[^/]*@.*" url != null;
      # A path of Nix is copied to the store when it is written down.
      inStore = place: lib.isPath place || lib.hasPrefix "${builtins.storeDir}/" (toString place);
      secrets =
        lib.optional (settings ? password) "password"
        ++ lib.optional (lib.any withPassword (settings.backend or [ ])) "backend";
      files = lib.filter (name: settings ? ${name} && inStore settings.${name}) [
        "password_file"
        "tls_key"
      ];
    in
    {
      assertion = secrets == [ ] && files == [ ];
      message =
        "${option}.settings: everybody can read the Nix store."
        + lib.optionalString (secrets != [ ]) " Put ${
          lib.concatMapStringsSep ", " (name: "OCR_${lib.toUpper name}=...") secrets
        } into a file, and name it in environmentFile."
        + lib.optionalString (files != [ ]) (
          " ${lib.concatStringsSep ", " files}: name a file that is not in it, in quotes: \"/run/secrets/...\"."
        );
    };

  options = {
    package = self: lib.mkOption {
      type = lib.types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
      defaultText = lib.literalExpression "opencoderouter.packages.\${system}.default";
      description = "The package with `ocr-router` and `ocr`.";
    };

    environmentFile = what: lib.mkOption {
      type = lib.types.nullOr lib.types.externalPath;
      default = null;
      example = "/run/secrets/opencoderouter";
      description = "A file outside the Nix store with lines `NAME=value` for secrets: ${what}.";
    };

    settings = lib.mkOption {
      default = { };
      example = {
        port = 8081;
        fleet = true;
        dns_zone = "dev.example.test";
      };
      description = ''
        What is written to `config.toml`: each option of `ocr-router serve`, with `_` for `-`. Everybody can read it; a
        password goes into {option}`environmentFile`.
      '';
      type = lib.types.submodule {
        freeformType = toml.type;
        options = {
          port = lib.mkOption {
            type = lib.types.port;
            default = 8080;
            description = "Port of the router.";
          };
          hostname = lib.mkOption {
            type = lib.types.str;
            default = "0.0.0.0";
            example = "127.0.0.1";
            description = "Address to listen on; `127.0.0.1` is this machine only.";
          };
        };
      };
    };

    projects = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "/home/alice/shop" ];
      description = "Directories to run `opencode serve` in. Servers that run already are found by themselves.";
    };
  };
}
