"""The flake evaluates, offline, for all systems, and its lock file is that of its input."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.rig.nix import ROOT, Nix

from opencoderouter import __version__

FILES = [ROOT / "flake.nix", *sorted((ROOT / "nix").glob("*.nix"))]
LINUX = ["x86_64-linux", "aarch64-linux"]
SYSTEMS = [*LINUX, "aarch64-darwin"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_parses(nix: Nix, path: Path) -> None:
    """Each file is Nix."""
    command = ["nix-instantiate", "--parse", str(path)]
    subprocess.run(command, check=True, env=nix.environment, stdout=subprocess.DEVNULL)


def test_lock(nix: Nix) -> None:
    """The lock file answers for the one input that the flake has, so nothing is fetched for it."""
    ended = nix.lone("flake", "metadata", "--json", "--no-update-lock-file", f"path:{nix.flake}")
    assert ended.returncode == 0, ended.stderr
    nodes = json.loads(ended.stdout)["locks"]["nodes"]
    assert set(nodes) == {"root", "nixpkgs"}
    locked = nodes["nixpkgs"]["locked"]
    assert (len(locked["rev"]), locked["narHash"][:7]) == (40, "sha256-")


def test_stale_lock(nix: Nix, tmp_path: Path) -> None:
    """A lock file that is not of this input does not answer: Nix has to ask."""
    changed = tmp_path / "flake"
    shutil.copytree(nix.flake, changed)
    text = (changed / "flake.nix").read_text()
    (changed / "flake.nix").write_text(text.replace("nixos-26.05", "nixos-25.05"))
    ended = nix.lone("flake", "metadata", "--no-update-lock-file", f"path:{changed}")
    assert "unable to download" in ended.stderr


def test_show(nix: Nix) -> None:
    """These are all outputs; the image and the test of NixOS are there for Linux only."""
    shown = json.loads(nix.run("flake show", "", "--json"))
    programs = {"default", "ocr", "ocr-router"}
    for system in SYSTEMS:
        linux = system in LINUX
        assert set(shown["packages"][system]) == programs | ({"image"} if linux else set())
        assert set(shown["checks"][system]) == {"starts"} | ({"nixos"} if linux else set())
        assert set(shown["apps"][system]) == programs
        assert set(shown["devShells"][system]) == {"default"}
    assert set(shown) - {"homeManagerModules"} == {
        *"packages checks apps devShells nixosModules".split()
    }


def test_check(nix: Nix) -> None:
    """`nix flake check --no-build` has nothing to complain of."""
    nix.run("flake check", "", "--no-build")


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_systems(nix: Nix, system: str) -> None:
    """Every output of every system evaluates to what could be built there."""
    made = nix.evaluate(
        f'let system = "{system}"; in lib.mapAttrs (_: each: lib.mapAttrs (_: made: made.drvPath)'
        " each.${system}) { inherit (self) packages checks devShells; }"
    )
    assert all(path.endswith(".drv") for each in made.values() for path in each.values())


def test_programs(nix: Nix) -> None:
    """`nix run` starts the router, `nix run .#ocr` the other program, of one and the same build."""
    apps = nix.evaluate('lib.mapAttrs (_: app: app.program) self.apps."x86_64-linux"')
    assert {Path(program).name for program in apps.values()} == {"ocr-router", "ocr"}
    assert Path(apps["default"]).name == "ocr-router"
    assert len({Path(program).parent for program in apps.values()}) == 1
    version = nix.evaluate('self.packages."x86_64-linux".default.version')
    assert version == __version__
