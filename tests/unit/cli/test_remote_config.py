"""The configuration as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter.core.fleet.preferences import KEYS, Preferences
from opencoderouter.preferences.check import check
from opencoderouter.preferences.template import template


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / ".opencode" / "remote-tui.yaml"


def test_where_it_is(ocr: Ocr, path: Path) -> None:
    """Whether or not it is there."""
    assert ocr("config", "path") == (0, f"{path}\n", "")
    assert ocr("config", "path", "--config", "/a") == (0, "/a\n", "")


def test_init_writes_it_once(ocr: Ocr, path: Path) -> None:
    """Never over another."""
    assert ocr("config", "init") == (0, f"{path}\n", "")
    assert path.read_text() == template()
    path.write_text("polling: {interval: 7s}")
    code, out, err = ocr("config", "init")
    assert (code, out, err) == (1, "", f"ocr: {path}: is there already; nothing is changed\n")
    assert path.read_text() == "polling: {interval: 7s}"


def test_init_where_it_cannot_be(ocr: Ocr, path: Path) -> None:
    """The reason is told."""
    path.parent.write_text("in the way")
    assert ocr("config", "init") == (1, "", f"ocr: {path}: File exists\n")


def test_show_is_the_file_as_it_holds(ocr: Ocr, path: Path) -> None:
    """What is printed can be used as the file."""
    path.parent.mkdir()
    path.write_text(
        "polling: {interval: 7s}\nkeybindings: {quit: [q, ctrl+q], help: []}\n"
        "hosts: {overrides: {MyHost: {label: 'A: b', scan_paths: [~]}}, groups: {}}\n"
    )
    code, out, err = ocr("config", "show")
    assert (code, err) == (0, "")
    assert check(out, "f").preferences == check(path.read_text(), "f").preferences
    assert check(out, "f").problems == ()
    assert "  interval: 7s " in out


def test_show_as_json(ocr: Ocr) -> None:
    """Durations are seconds, keys have Textual's names."""
    code, out, _ = ocr("config", "show", "--json")
    shown = json.loads(out)
    assert (code, shown["polling"]["interval"]) == (0, Preferences().polling.interval)
    assert {name: tuple(keys) for name, keys in shown["keybindings"].items()} == KEYS


def test_check_tells_everything(ocr: Ocr, path: Path) -> None:
    """Problems are data, exit code 1."""
    path.parent.mkdir()
    path.write_text('polling: {intervall: 7s, timeout: x}\nkeybindings: {detach: "ctrl+]"}\n')
    code, out, err = ocr("config", "check")
    assert (code, err) == (1, "")
    assert [line.split(": ")[0] for line in out.splitlines()] == [
        f"{path}:1:11",
        f"{path}:1:35",
        f"{path}:2:15",
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_check_of_what_is_right(ocr: Ocr, path: Path, exists: bool) -> None:  # noqa: FBT001 - a row
    """It says so, on stderr."""
    if exists:
        ocr("config", "init")
    code, out, err = ocr("config", "check")
    what = "is right" if exists else "is not there: all is as by default"
    assert (code, out, err) == (0, "", f"ocr: {path} {what}\n")
