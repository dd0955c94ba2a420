{ system, lib }:
let
  # Where the tests run: their Python, and the programs of this machine.
  machine = lib.importTOML ./machine.toml;

  run =
    name: environment: script:
    derivation (
      {
        inherit name system;
        builder = "/bin/sh";
        args = [ "-euc" script ];
        PATH = "/usr/local/bin:/usr/bin:/bin";
      }
      // environment
    );
  named = name: run name { } "mkdir $out";

  # What nixpkgs had when NixOS 26.05 was made; what is not here is new enough.
  old = {
    aiohttp = "3.13.5";
    httptools = "0.7.1";
    pydantic-settings = "2.14.1";
    python-dotenv = "1.2.2";
    textual = "8.2.6";
    typer = "0.25.1";
    yarl = "1.23.0";
    zeroconf = "0.149.16";
  };
  makePython =
    arguments@{ packageOverrides ? _: _: { }, self ? null, versions ? old }:
    let
      library = pname: { inherit pname; version = versions.${pname} or "9999"; };
      base = final: lib.genAttrs (lib.attrNames old ++ [
        "aiohappyeyeballs" "aiosignal" "annotated-doc" "anyascii" "attrs" "cython" "dnslib" "expandvars" "fabric"
        "frozenlist" "hatchling" "idna" "ifaddr" "linkify-it-py" "markdown-it-py" "mdit-py-plugins" "multidict" "pdm-backend" "pkgconfig"
        "platformdirs" "poetry-core" "prometheus-client" "propcache" "pydantic" "pygments" "pyyaml" "rich" "segno"
        "setuptools" "shellingham" "typing-extensions" "typing-inspection" "uvloop"
      ]) library // {
        fetchPypi = source: source;
        buildPythonPackage = package: package;
        buildPythonApplication = application;
      };
    in
    python3 // {
      override = more: makePython (arguments // more);
      pkgs = lib.fix (final: base final // packageOverrides final (base final));
    };
  application =
    { pname, version, src, meta, build-system, dependencies, pythonImportsCheck, pyproject }:
    let
      known = map (library: library.pname);
      built = run "${pname}-${version}" {
        inherit src;
        libraries = known dependencies;
        system_ = known build-system;
        imports = lib.concatStringsSep ", " pythonImportsCheck;
      } ''
        cp -r "$src" ${pname}; chmod -R u+w ${pname}; cd ${pname}
        ${machine.python} ${./application.py} ${machine.interpreter} "$out" "$system_" "$libraries"
        ${machine.interpreter} -IS -c "import site; site.addsitedir('$out/lib'); import $imports"
      '';
    in
    built // {
      inherit pname version meta dependencies;
    };

  python3 = named "python3" // { override = makePython; };

  pkgs = lib.genAttrs [
    "autossh" "cacert" "chromium" "curl" "git" "gnumake" "jq" "nodejs" "openssh" "podman" "tmux"
  ] named // {
    inherit system lib python3;
    stdenv.hostPlatform = {
      inherit system;
      isLinux = system != "aarch64-darwin";
      isDarwin = system == "aarch64-darwin";
    };
    callPackage =
      file: given:
      let
        f = import file;
      in
      f (lib.intersectAttrs (lib.functionArgs f) pkgs // given);
    runCommand = run;
    mkShell = { packages }: run "shell" { inherit packages; } "mkdir $out";

    formats.toml = { }: rec {
      type = lib.types.oneOf (
        with lib.types; [ bool int str path (listOf type) (attrsOf type) ]
      ) // { name = "TOML value"; };
      # JSON's scalars and lists are TOML's.
      generate = name: value: builtins.toFile name (
        lib.concatStringsSep "" (lib.mapAttrsToList (key: x: "${key} = ${lib.toJSON x}\n") value)
      );
    };

    dockerTools = {
      fakeNss = named "fake-nss";
      buildLayeredImage =
        { name, tag, created, contents, config, extraCommands }:
        run "${name}.tar" {
          inherit contents;
          config = lib.toJSON config;
          passAsFile = [ "config" ];
        } ''
          mkdir root; cd root
          for each in $contents; do cp -rs --no-preserve=mode $each/. .; done
          ${extraCommands}
          ${machine.python} ${./image.py} "$out" ${name}:${tag} ${created} "$configPath" .
        '';
    };

    testers.runNixOSTest =
      { name, nodes, testScript }:
      run "vm-test-run-${name}" {
        units = lib.toJSON (
          lib.mapAttrs (_: node: (import ./nixos.nix { inherit lib pkgs; } [ node ]).units) nodes
        );
        inherit testScript;
      } "mkdir $out";
  };
in
pkgs
