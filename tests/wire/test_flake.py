"""The flake evaluates, offline, and its lock file is that of its input."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from opencoderouter import __version__

Json = Any
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("nix-instantiate"), reason="needs nix")


@pytest.fixture(scope="module")
def flake() -> Json:
    """Return the flake's outputs, made with a nixpkgs of names alone."""
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json"]
    arguments = [str(ROOT / "tests/fixtures/flake.nix"), "--arg", "root", str(ROOT)]
    return json.loads(subprocess.run([*command, *arguments], check=True, stdout=-1).stdout)


@pytest.mark.parametrize("system", ["x86_64-linux", "aarch64-linux"])
def test_programs(flake: Json, system: str) -> None:
    """`nix run` starts the router, `nix run .#ocr` the other program, of the same package."""
    programs = {name: app["program"] for name, app in flake["apps"][system].items()}
    store = f"/store/opencoderouter-{__version__}/bin"
    router = f"{store}/ocr-router"
    assert programs == {"default": router, "ocr-router": router, "ocr": f"{store}/ocr"}


def test_dependencies(flake: Json) -> None:
    """The package has the dependencies that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    package = flake["packages"]["x86_64-linux"]["default"]
    names = sorted(text.partition(">")[0] for text in project["dependencies"])
    assert sorted(package["dependencies"]) == names


def test_lock(flake: Json) -> None:
    """The lock file pins the input that the flake names, so that nothing is fetched to lock it."""
    lock = json.loads((ROOT / "flake.lock").read_text())
    pinned = lock["nodes"]["nixpkgs"]["original"]
    assert flake["input"] == "github:{owner}/{repo}/{ref}".format(**pinned)
    assert len(lock["nodes"]["nixpkgs"]["locked"]["rev"]) == 40
