# Python with the libraries of nixpkgs. One that is older than pyproject.toml wants is made from PyPI: the release and
# the hash that requirements/run.txt has. Where nixpkgs is new enough its own is used, so that this shrinks by itself.
{
  lib,
  python3,
  project,
}:
let
  wanted = lib.listToAttrs (
    map (text: {
      name = lib.head (bound text);
      value = lib.last (bound text);
    }) project.dependencies
  );
  bound = builtins.match "([a-z0-9-]+)>=([0-9.]+).*";
  # What these releases want of libraries that pyproject.toml does not name.
  oldest = wanted // {
    python-dotenv = "1.2.2";
    yarl = "1.25.1";
  };

  newer =
    final:
    let
      make =
        name: version: hash: parts:
        final.buildPythonPackage (
          parts
          // {
            pname = name;
            inherit version;
            pyproject = true;
            src = final.fetchPypi {
              pname = lib.replaceStrings [ "-" ] [ "_" ] name;
              inherit version hash;
            };
            # Which versions of build systems somebody has tried, upper bounds and all, is not asked.
            pypaBuildFlags = [ "--skip-dependency-check" ];
            doCheck = false; # their tests want more libraries
          }
        );
    in
    {
      aiohttp = make "aiohttp" "3.14.5" "sha256-VVin9aBa+ez3RK+R5brvxDb5PJMz5lbCfsJT+aa74Xg=" {
        build-system = with final; [ pkgconfig setuptools ];
        dependencies = with final; [ aiohappyeyeballs aiosignal attrs frozenlist multidict propcache yarl ];
      };
      httptools = make "httptools" "0.9.0" "sha256-1ITrt+Oj81l7D2RfvRuFYzZ0yoCMH1uhHCyvfGb1yLY=" {
        build-system = [ final.setuptools ];
      };
      pydantic-settings =
        make "pydantic-settings" "2.16.3" "sha256-EONvYWYj67WGwFyj080iknFGhp20E9TxTCDFFEQqEzc="
          {
            build-system = [ final.hatchling ];
            dependencies = with final; [ pydantic python-dotenv typing-extensions typing-inspection ];
          };
      python-dotenv = make "python-dotenv" "1.2.4" "sha256-8NU+aZNahRwNzHjzq3qszYyr7wuSOCtXa4JCEpAoc8A=" {
        build-system = [ final.setuptools ];
      };
      textual = make "textual" "8.2.8" "sha256-PxBqn7xz453SZslxJDIIfeeKbWRAhMfCQdaiXDFpEVs=" {
        build-system = [ final.poetry-core ];
        dependencies = with final; [
          linkify-it-py markdown-it-py mdit-py-plugins platformdirs pygments rich typing-extensions
        ];
      };
      typer = make "typer" "0.29.2" "sha256-sZmNxfLD3tr6FRepUh+pRMxNwfrc6ghdgaOxDryusHU=" {
        build-system = [ final.pdm-backend ];
        dependencies = with final; [ annotated-doc pydantic rich shellingham ];
      };
      yarl = make "yarl" "1.25.1" "sha256-A9043gm8IT6aiyl2Huwz7h1TGNrA5J2K825NJ4MOI6c=" {
        build-system = with final; [ cython expandvars setuptools ];
        dependencies = with final; [ idna multidict propcache ];
      };
      zeroconf = make "zeroconf" "0.154.0" "sha256-gwMVSXr5u9dZJMIhjNO2TwveDoCO4xaqu12SiINsDEM=" {
        build-system = with final; [ cython poetry-core setuptools ];
        dependencies = [ final.ifaddr ];
        env.REQUIRE_CYTHON = "1"; # or a compiler that fails would leave it slow
      };
    };

  python = python3.override {
    self = python;
    packageOverrides =
      final: prev:
      lib.mapAttrs (
        name: package:
        if lib.versionOlder prev.${name}.version oldest.${name} then package else prev.${name}
      ) (newer final);
  };
in
{
  inherit python;
  libraries = map (name: python.pkgs.${name}) (lib.attrNames wanted);
}
