"""Where the OpenCode program is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.cli.program import find_program


def program(folder: Path) -> str:
    """Make a program called ``opencode`` in a folder."""
    folder.mkdir(parents=True)
    path = folder / "opencode"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_path_comes_before_the_places_of_installers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PATH decides; an installer's folder helps a shell that does not read its rc file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_program("opencode") == "opencode"
    installed = program(tmp_path / ".opencode/bin")
    assert find_program("opencode") == installed
    assert find_program("opencode") != program(tmp_path / "bin") == find_program("opencode")


def test_a_relative_path_is_meant_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers start in other directories, and must find the same program."""
    monkeypatch.chdir(tmp_path)
    assert find_program("./opencode") == str(tmp_path / "opencode")


def test_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is called ~, here, is not the home: who wrote it is not known."""
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    program(tmp_path / "~/.opencode/bin")
    assert find_program("opencode") == "opencode"
