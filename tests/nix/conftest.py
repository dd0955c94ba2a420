"""The flake, prepared once: its builds are for all tests."""

from __future__ import annotations

import shutil

import pytest
from tests.rig.nix import Nix, installed


@pytest.fixture(scope="session")
def nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    """Return the flake with a stand-in for nixpkgs."""
    if not shutil.which("nix"):
        pytest.skip("needs nix")
    return installed(tmp_path_factory.mktemp("nix"))
