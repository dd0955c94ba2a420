"""What rows are known by."""

from __future__ import annotations

from opencoderouter.core.fleet.model import Session, SessionRef
from opencoderouter.core.fleet.refs import directory_of, session_ref


def test_directory_of() -> None:
    """A session stands under its repository, else under its own directory."""
    assert directory_of(Session("s", directory="/a/b", project="/a")) == "/a"
    assert directory_of(Session("s", directory="/a/b")) == "/a/b"


def test_session_ref() -> None:
    """A session is known by host, id and its own directory, where commands for it are run."""
    session = Session("s", directory="/a/b", project="/a")
    assert session_ref("host", session) == SessionRef("host", "s", "/a/b")
