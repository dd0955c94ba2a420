{
  description = "Find every OpenCode server of this machine, give each a stable name, and route to it";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      inherit (lib.importTOML ./pyproject.toml) project;
      linux = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      # Where there is no NixOS, and no image.
      others = [ "aarch64-darwin" ];
      each = systems: f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system} self.packages.${system});
      package =
        pkgs: mainProgram: pkgs.callPackage ./nix/package.nix { inherit project mainProgram; };
      app = package: {
        type = "app";
        program = lib.getExe package;
        meta = { inherit (package.meta) description; };
      };
    in
    {
      packages = each (linux ++ others) (
        pkgs: packages:
        {
          default = packages.ocr-router;
          ocr-router = package pkgs "ocr-router";
          ocr = package pkgs "ocr";
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          image = pkgs.callPackage ./nix/image.nix { inherit (packages) ocr-router; };
        }
      );

      apps = each (linux ++ others) (
        _: packages: lib.mapAttrs (_: app) { inherit (packages) default ocr-router ocr; }
      );

      devShells = each (linux ++ others) (
        pkgs: _: {
          default = pkgs.mkShell {
            packages =
              with pkgs;
              [ python3 nodejs git gnumake curl jq openssh autossh tmux ]
              ++ lib.optionals stdenv.hostPlatform.isLinux [ chromium podman ];
          };
        }
      );

      checks = each (linux ++ others) (
        pkgs: packages:
        {
          starts = pkgs.runCommand "ocr-router-starts" { } ''
            ${lib.getExe packages.ocr-router} --version | grep -F '${project.version}'
            ${lib.getExe packages.ocr} --version | grep -F '${project.version}'
            ${lib.getExe packages.ocr-router} serve --help >"$out"
          '';
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          nixos = pkgs.testers.runNixOSTest (import ./nix/vm-test.nix self);
        }
      );

      nixosModules.default = import ./nix/nixos.nix self;
      homeManagerModules.default = import ./nix/home-manager.nix self;
    };
}
