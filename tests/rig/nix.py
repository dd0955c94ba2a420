"""The project's flake, with a stand-in for nixpkgs, a store of its own and no network.

Where Nix, as ``nix flake``, would see tracked files only, it gets a copy of what a flake may use.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
Completed = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[2]
_PARTS = "flake.nix flake.lock nix src deploy pyproject.toml README.md LICENSE".split()
_CONFIG = """
experimental-features = nix-command flakes
sandbox = false
build-users-group =
substituters =
flake-registry =
connect-timeout = 2
download-attempts = 1
"""
_LIMIT = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Nix:
    """``flake`` is the copy, ``environment`` what commands get."""

    flake: Path
    nixpkgs: Path
    environment: dict[str, str]

    def lone(self, *words: str) -> Completed:
        """Run ``nix`` with the flake as it is, whether it fails or not."""
        return self._run("nix", *words)

    def run(self, command: str, output: str = "", *words: str) -> str:
        """Run ``nix COMMAND`` for an output of the flake; return what it prints."""
        flake = f"path:{self.flake}" + (output and f"#{output}")
        return self._good("nix", *command.split(), flake, *self._standing_in(), *words)

    def build(self, output: str) -> Path:
        """Build an output; return where it is."""
        link = self.flake.parent / f"result-{output}"
        self.run("build", output, "--out-link", str(link))
        return link.resolve()

    def evaluate(self, expression: str) -> Json:
        """Return a value, in which the names of tests/nix/evaluate.nix are known."""
        return json.loads(self._good(*self._evaluation(expression)))

    def refusal(self, expression: str) -> str:
        """Return why there is no such value."""
        ended = self._run(*self._evaluation(expression))
        assert ended.returncode
        return ended.stderr

    def _evaluation(self, expression: str) -> tuple[str, ...]:
        known = f"import {ROOT}/tests/nix/evaluate.nix"
        text = f"with {known} {{ flake = {self.flake}; nixpkgs = {self.nixpkgs}; }}; {expression}"
        options = ("--eval", "--strict", "--json", "--read-write-mode")
        return ("nix-instantiate", *options, "--expr", text)

    def _standing_in(self) -> tuple[str, ...]:
        return ("--override-input", "nixpkgs", f"path:{self.nixpkgs}", "--no-write-lock-file")

    def _good(self, *command: str) -> str:
        ended = self._run(*command)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def _run(self, *command: str) -> Completed:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT,
        )


def installed(folder: Path) -> Nix:
    """Prepare it in an empty directory."""
    nix = Nix(folder / "flake", folder / "nixpkgs", _environment(folder))
    nix.flake.mkdir()
    left = shutil.ignore_patterns("__pycache__")
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, nix.flake / part, ignore=left)
        else:
            shutil.copy(source, nix.flake)
    shutil.copytree(ROOT / "tests/nix/nixpkgs", nix.nixpkgs, ignore=left)
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    machine = f'python = "{sys.executable}"\ninterpreter = "{base}"\n'
    (nix.nixpkgs / "machine.toml").write_text(machine)
    return nix


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing outside of the directory is written."""
    places = {
        f"NIX_{name}_DIR": str(folder / "nix" / name.lower())
        for name in "STORE STATE LOG CONF DATA LOCALSTATE".split()
    }
    (folder / "home").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "NIX_CONFIG": _CONFIG,
        "https_proxy": "http://127.0.0.1:9",  # where nobody listens: nothing can be fetched
        **places,
    }
