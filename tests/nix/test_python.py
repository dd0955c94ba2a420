"""Libraries come from nixpkgs; from PyPI those that it has in a version that is too old."""

from __future__ import annotations

import base64
import re
import tomllib

from tests.rig.nix import ROOT, Nix

PINNED = re.split(r"\n(?=\S)", (ROOT / "requirements/run.txt").read_text())


def test_dependencies(nix: Nix) -> None:
    """The package has the dependencies that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    package = 'self.packages."x86_64-linux".default.dependencies'
    names = nix.evaluate(f"map (library: library.pname) {package}")
    assert sorted(names) == sorted(text.partition(">")[0] for text in project["dependencies"])


def test_what_is_new_enough_stays(nix: Nix) -> None:
    """A nixpkgs with newer libraries uses its own."""
    assert nix.evaluate("made { }") == {}


def test_what_is_too_old_is_made(nix: Nix) -> None:
    """One library that is older than pyproject.toml wants is made, and no other."""
    assert set(nix.evaluate('made { typer = "0.28.9"; yarl = "1.25.1"; }')) == {"typer"}


def test_pinned(nix: Nix) -> None:
    """What is made is, release and hash, what everybody else installs, and new enough."""
    made = nix.evaluate(
        'made (lib.genAttrs [ "aiohttp" "httptools" "pydantic-settings" "python-dotenv" "textual"'
        ' "typer" "yarl" "zeroconf" ] (_: "0"))'
    )
    assert len(made) == 8
    for name, library in made.items():
        digest = base64.b64decode(library["hash"].removeprefix("sha256-")).hex()
        entry = next(
            entry for entry in PINNED if entry.startswith(f"{name}=={library['version']} ")
        )
        assert digest in entry, name
