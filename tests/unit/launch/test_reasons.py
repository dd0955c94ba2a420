"""Reasons are sentences that tell what to do."""

from __future__ import annotations

import errno

from opencoderouter.launch import reasons


def test_ended() -> None:
    """The last thing the program said is part of the reason, unless it was killed."""
    said = reasons.ended(1, ("Error: Unexpected error", "", "ServeError", "  "))
    assert said == "opencode ended with status 1: ServeError"
    assert reasons.ended(-9, ()) == "opencode was killed by SIGKILL"
    assert reasons.ended(-50, ("listening",)) == "opencode was killed by signal 50"


def test_not_installed() -> None:
    """Who has no OpenCode is told how to get it."""
    said = reasons.not_started(errno.ENOENT, "opencode", "/srv/app")
    assert said == f"opencode was not found; {reasons.INSTALL}"
    assert "npm install" in reasons.INSTALL


def test_not_started() -> None:
    """A directory that went away and a program that may not run are told apart."""
    assert reasons.not_started(errno.ENOENT, "/srv/app", "/srv/app").startswith("/srv/app: No such")
    said = reasons.not_started(errno.EACCES, "/opt/opencode", "/srv/app")
    assert said == "/opt/opencode cannot be started: Permission denied"
    assert reasons.not_started(errno.EAGAIN, None, "/srv/app").startswith("opencode cannot be")


def test_the_rest() -> None:
    """Ports are named as the user gave them, the last one included."""
    assert reasons.no_port(range(30000, 30011)).startswith("no port from 30000 to 30010 is free")
    assert reasons.too_slow(60.0) == "opencode did not answer within 60 seconds"
    assert reasons.served(42, 4096) == "already served by process 42 on port 4096"
    assert reasons.served(None, 4096) == "already served by another process on port 4096"
    said = reasons.unable(ValueError("oops"))
    assert said == "opencode cannot be started: ValueError: oops"
