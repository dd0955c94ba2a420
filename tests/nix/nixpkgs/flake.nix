# Stands in for nixpkgs, so that the project's flake is evaluated and built without network: the functions and names
# that it uses, and libraries as old as those of NixOS 26.05. Programs come from this machine (no sandbox); Python
# libraries from the virtual environment that the tests run in, but each package has what its requirements name only.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ] (
        system: import ./pkgs.nix { inherit system lib; }
      );
    };
}
