# What the tests look at: the flake's outputs, and machines that have its modules.
{ flake, nixpkgs }:
rec {
  nixpkgs_ = (import (nixpkgs + "/flake.nix")).outputs { self = nixpkgs_; };
  inherit (nixpkgs_) lib;
  pkgs = system: nixpkgs_.legacyPackages.${system};
  self = (import (flake + "/flake.nix")).outputs {
    inherit self;
    nixpkgs = nixpkgs_;
  };

  machine = import (nixpkgs + "/nixos.nix") { inherit lib; pkgs = pkgs "x86_64-linux"; };
  nixos = module: machine [ self.nixosModules.default module ];
  person = system: import (nixpkgs + "/home.nix") { inherit lib; pkgs = pkgs system; };
  home = system: module: person system [ self.homeManagerModules.default module ];

  # The names of all options, those of each of a set with NAME.
  names =
    prefix: options:
    lib.concatLists (
      lib.mapAttrsToList (
        name: option:
        if option._type or null == "option" then
          [ "${prefix}${name}" ] ++ names "${prefix}${name}." (option.type.below or { })
        else
          names "${prefix}${name}." option
      ) options
    );

  # Which libraries are not nixpkgs' own, where it has these versions (any other one is new).
  made =
    versions:
    let
      inherit (import (flake + "/nix/python.nix") {
        inherit lib;
        python3 = (pkgs "x86_64-linux").python3.override { inherit versions; };
        inherit (lib.importTOML (flake + "/pyproject.toml")) project;
      }) python;
    in
    lib.mapAttrs (_: library: { inherit (library) version; inherit (library.src) hash; }) (
      lib.filterAttrs (_: library: library ? src) (lib.filterAttrs (_: lib.isAttrs) python.pkgs)
    );
}
