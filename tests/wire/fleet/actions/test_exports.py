"""Tests of the files that are kept of deleted sessions."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from opencoderouter.fleet.actions import exports
from opencoderouter.private import NotPrivate

WHOLE = json.dumps({"info": {"id": "ses_1"}, "messages": [{"info": {}}]}).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WHOLE, ""),
        (WHOLE[:-3], "whole JSON"),
        (b"", "whole JSON"),
        (b"[]", "whole JSON"),
        (json.dumps({"info": {"id": "ses_2"}, "messages": []}).encode(), "another session"),
        (json.dumps({"info": {"id": "ses_1"}}).encode(), "no messages"),
        (json.dumps({"info": {"id": "ses_1"}, "messages": [1]}).encode(), "no messages"),
    ],
)
def test_trouble(content: bytes, why: str) -> None:
    """Only a whole export of that session is one."""
    assert why in exports.trouble(content, "ses_1")
    assert bool(why) == bool(exports.trouble(content, "ses_1"))


def test_save(tmp_path: Path) -> None:
    """A file is the user's alone, and so is its folder."""
    path = exports.save(tmp_path / "a" / "b", "box", "ses_1", WHOLE)
    assert path == tmp_path / "a" / "b" / "box-ses_1.json"
    assert path.read_bytes() == WHOLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_never_overwritten(tmp_path: Path) -> None:
    """What is there stays, a link that leads elsewhere, too."""
    folder = tmp_path / "exports"
    first = exports.save(folder, "box", "ses_1", b"1")
    (folder / "box-ses_1-2.json").symlink_to(tmp_path / "elsewhere")
    third = exports.save(folder, "box", "ses_1", b"3")
    assert (first.read_bytes(), third.name) == (b"1", "box-ses_1-3.json")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("alias", ["../../x", "user@host:22", "a b;c", "..", "$(x)\n"])
def test_names(tmp_path: Path, alias: str) -> None:
    """No alias leads out of the folder."""
    path = exports.save(tmp_path / "exports", alias, "ses_1", WHOLE)
    assert path.parent == tmp_path / "exports"
    assert path.name.isprintable()


def test_not_private(tmp_path: Path) -> None:
    """A folder that others can look into is refused."""
    tmp_path.chmod(0o755)
    (tmp_path / "something").touch()
    with pytest.raises(NotPrivate):
        exports.save(tmp_path, "box", "ses_1", WHOLE)
