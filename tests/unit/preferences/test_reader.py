"""The file on disk, while it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.preferences.reader import Reader, default_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is to be."""
    return tmp_path / "remote-tui.yaml"


def test_no_file_is_no_problem(path: Path) -> None:
    """All is as by default, and a file that comes is noticed."""
    reader = Reader(path)
    assert not reader.changed()
    assert reader.read().preferences == Preferences()
    path.write_text("polling: {interval: 5s}")
    assert reader.changed()
    assert reader.read().preferences.polling.interval == 5
    assert not reader.changed()


def test_a_bad_edit_leaves_all_as_it_was(path: Path) -> None:
    """What is broken is told; what was good before goes on, until the file is right again."""
    reader = Reader(path)
    path.write_text("polling: {interval: 5s}\nhosts: {ignore: [x]}")
    before = reader.read().preferences
    path.write_text("polling: {interval: soon}\nhosts: {ignore: [yy]}")
    assert reader.changed()
    reading = reader.read()
    assert reading.preferences == before
    assert "interval: soon" in str(reading.problems[0])
    path.write_text("polling: {interval: 7s}")
    assert reader.read().preferences.polling.interval == 7


def test_a_file_that_is_broken_from_the_start_is_used_where_it_can(path: Path) -> None:
    """The broken part has its default."""
    path.write_text("polling: {interval: soon, timeout: 3s}")
    reading = Reader(path).read()
    assert (reading.preferences.polling.interval, reading.preferences.polling.timeout) == (30, 3)
    assert len(reading.problems) == 1


def test_a_file_that_another_takes_the_place_of(path: Path) -> None:
    """Editors write a new file and move it there; also behind a link."""
    real = path.with_name("real.yaml")
    real.write_text("polling: {interval: 5s}")
    path.symlink_to(real)
    reader = Reader(path)
    assert reader.read().preferences.polling.interval == 5
    new = path.with_name("new")
    new.write_text("polling: {interval: 6s}")
    new.replace(real)
    assert reader.changed()
    assert reader.read().preferences.polling.interval == 6


def test_a_file_that_is_gone(path: Path) -> None:
    """Then all is as by default again."""
    path.write_text("polling: {interval: 5s}")
    reader = Reader(path)
    reader.read()
    path.unlink()
    assert reader.changed()
    assert reader.read().preferences == Preferences()


def test_what_is_not_utf_8_says_where(path: Path) -> None:
    """Line and column of the octet."""
    path.write_bytes(b"a: b\nhosts: {ignore: [\xff]}")
    (problem,) = Reader(path).read().problems
    assert str(problem) == f"{path}:2:18: this is not UTF-8: octet 0xff"


def test_a_byte_order_mark_is_skipped(path: Path) -> None:
    """Editors of other systems write one."""
    path.write_bytes(b"\xef\xbb\xbfpolling: {interval: 5s}")
    assert Reader(path).read().preferences.polling.interval == 5


@pytest.mark.parametrize("kind", ["directory", "pipe", "huge"])
def test_what_is_no_file_of_ours(path: Path, kind: str) -> None:
    """It is named, and nothing hangs."""
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"#" * (1 << 20) + b"\n")
    reading = Reader(path).read()
    assert reading.preferences == Preferences()
    words = {"directory": "a directory", "pipe": "not a file", "huge": "larger than 1 MiB"}
    assert words[kind] in str(reading.problems[0])


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it always was."""
    monkeypatch.setenv("HOME", "/home/a")
    assert default_path() == Path("/home/a/.opencode/remote-tui.yaml")
