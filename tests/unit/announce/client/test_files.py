"""Files that are put, and put back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from opencoderouter.announce.client.files import Before, from_json, look, put

OCTETS = bytes(range(256))


def test_a_new_file_and_its_directories(tmp_path: Path) -> None:
    """They can be read by all whatever the umask, and are gone when that is put back."""
    path = tmp_path / "etc" / "dnsmasq.d" / "own.conf"
    before = look(path)
    old = os.umask(0o077)
    try:
        put(path, replace(before, content=b"new"))
    finally:
        os.umask(old)
    assert path.read_bytes() == b"new"
    assert [one.stat().st_mode & 0o777 for one in (path, *path.parents[:2])] == [
        0o644,
        0o755,
        0o755,
    ]
    put(path, before)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_others_use_by_now(tmp_path: Path) -> None:
    """It stays, and what is in it."""
    path = tmp_path / "etc" / "own.conf"
    before = look(path)
    put(path, replace(before, content=b"new"))
    (tmp_path / "etc" / "other").touch()
    put(path, before)
    assert [one.name for one in (tmp_path / "etc").iterdir()] == ["other"]


def test_an_old_file(tmp_path: Path) -> None:
    """Content and mode come back, as they were kept in JSON."""
    path = tmp_path / "own.conf"
    path.write_bytes(OCTETS)
    path.chmod(0o640)
    before = from_json(json.loads(json.dumps(look(path).to_json())))
    put(path, replace(before, content=b"new"))
    assert path.stat().st_mode & 0o777 == 0o640
    put(path, before)
    assert path.read_bytes() == OCTETS
    assert look(path) == before
    assert [one.name for one in tmp_path.iterdir()] == ["own.conf"]


@pytest.mark.parametrize("what", ["link", "directory"])
def test_what_is_no_file(tmp_path: Path, what: str) -> None:
    """A link is not followed, and a directory not replaced."""
    path = tmp_path / "own.conf"
    if what == "link":
        path.symlink_to("/etc/hosts")
    else:
        path.mkdir()
    with pytest.raises(OSError, match="is not a file of its own"):
        look(path)


@pytest.mark.parametrize("data", [{}, {**Before(b"").to_json(), "content": "%"}, {"content": 1}])
def test_what_nobody_kept(data: dict[str, object]) -> None:
    """A record that says nothing sensible is refused."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(data)


def test_nothing_half_written(tmp_path: Path) -> None:
    """When a file cannot be put in its place, nothing is left beside it."""
    path = tmp_path / "own.conf"
    path.mkdir()
    with pytest.raises(OSError, match=r"own\.conf"):
        put(path, Before(b"new", uid=os.geteuid(), gid=os.getegid()))
    assert [one.name for one in tmp_path.iterdir()] == ["own.conf"]
