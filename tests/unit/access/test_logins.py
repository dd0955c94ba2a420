"""Sessions that were ended stay ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter import private
from opencoderouter.access.logins import LoggedOut
from opencoderouter.private import Damaged


@pytest.fixture
def file(tmp_path: Path) -> LoggedOut:
    """Return the file in a state directory that is not there yet."""
    return LoggedOut(tmp_path / "state" / "logged-out.json")


def test_first_run(file: LoggedOut) -> None:
    """Without a file nobody has logged out."""
    assert file.load() == {}


def test_kept_until_it_would_have_ended(file: LoggedOut) -> None:
    """Sessions are added to those of before; what has ended by itself is forgotten."""
    file.add({"a": 10.0, "b": 20.0}, 5.0)
    file.add({"c": 30.0}, 10.0)
    assert LoggedOut(file.path).load() == {"b": 20.0, "c": 30.0}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": "b"}', b'{"a": null}'])
def test_what_is_damaged_stays(file: LoggedOut, content: bytes) -> None:
    """Nobody's session comes back because a file was written anew."""
    private.replace(file.path, content)
    with pytest.raises(Damaged):
        file.load()
    with pytest.raises(Damaged):
        file.add({"a": 10.0}, 5.0)
    assert file.path.read_bytes() == content
