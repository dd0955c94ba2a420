{
  description = "Find every OpenCode server of this machine, give each a stable name, and route to it";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      inherit ((lib.importTOML ./pyproject.toml).project) version description;
      each = f: lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: f nixpkgs.legacyPackages.${system});
      # Both programs come from one wheel; only `nix run` sees which is the main one.
      package =
        pkgs: mainProgram:
        pkgs.python3Packages.buildPythonApplication {
          pname = "opencoderouter";
          inherit version;
          pyproject = true;
          src = lib.fileset.toSource {
            root = ./.;
            fileset = lib.fileset.unions [ ./pyproject.toml ./README.md ./LICENSE ./src ];
          };
          build-system = [ pkgs.python3Packages.hatchling ];
          dependencies = with pkgs.python3Packages; [
            aiohttp anyascii dnslib fabric httptools prometheus-client pydantic-settings pyyaml segno textual typer uvloop
            zeroconf
          ];
          pythonRelaxDeps = true; # nixpkgs has one version of each; `checks` tells whether it will do
          pythonImportsCheck = [ "opencoderouter.wiring.serve" "opencoderouter.wiring.remote" ];
          meta = {
            inherit description mainProgram;
            license = lib.licenses.mit;
          };
        };
      app = package: { type = "app"; program = lib.getExe package; };
    in
    {
      packages = each (pkgs: rec {
        default = ocr-router;
        ocr-router = package pkgs "ocr-router";
        ocr = package pkgs "ocr";
      });

      apps = lib.mapAttrs (_: lib.mapAttrs (_: app)) self.packages;

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          packages = with pkgs; [ python3 nodejs git gnumake curl jq openssh autossh tmux chromium ];
        };
      });

      checks = each (
        pkgs:
        let
          package = self.packages.${pkgs.system}.default;
        in
        {
          starts = pkgs.runCommand "ocr-router-starts" { } ''
            ${lib.getExe package} --version | grep -F '${version}'
            ${lib.getExe package} serve --help >"$out"
          '';
        }
      );
    };
}
