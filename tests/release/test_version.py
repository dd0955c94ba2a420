"""The version is said in few places, which agree; all else reads it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.release.conftest import ROOT

from opencoderouter import __version__


def test_one_version() -> None:
    """Of the program, the package, the newest heading of the changes, and the image's label."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == __version__
    assert newest
    assert newest[1] == __version__
    label = re.search(r"image\.version=(\S+)", (ROOT / "Containerfile").read_text())
    assert label
    assert label[1].strip('"') == __version__


def lines(path: Path) -> list[str]:
    """Return the lines of a file that are no comments."""
    text = path.read_text().splitlines()
    return [line for line in text if not line.lstrip().startswith("#")]


def test_nobody_repeats_it(files: list[str]) -> None:
    """What makes a flake or a service of the program is right for the next one, too."""
    makers = ("Makefile", "flake.nix", "nix/", "deploy/")
    version = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.])")
    found = [
        name
        for name in files
        if name.startswith(makers)
        if any(version.search(line) for line in lines(ROOT / name))
    ]
    assert found == []
