# Both programs, from one wheel; only `nix run` sees which is the main one.
{
  lib,
  python3,
  project,
  mainProgram,
}:
let
  inherit (import ./python.nix { inherit lib python3 project; }) python libraries;
in
# No pythonRelaxDeps: a library that is too old fails the build and says which, instead of the program.
python.pkgs.buildPythonApplication {
  pname = project.name;
  inherit (project) version;
  pyproject = true;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../pyproject.toml
      ../README.md
      ../LICENSE
      ../src
    ];
  };
  build-system = [ python.pkgs.hatchling ];
  dependencies = libraries;
  pythonImportsCheck = [
    "opencoderouter.wiring.serve"
    "opencoderouter.wiring.remote"
  ];
  meta = {
    inherit (project) description;
    inherit mainProgram;
    license = lib.licenses.mit;
    platforms = lib.platforms.unix;
  };
}
