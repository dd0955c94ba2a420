"""Tests of scripts that start servers: no secret is in them, and targets are looked at again."""

from __future__ import annotations

from opencoderouter.core.fleet import launching


def test_start() -> None:
    """A server listens on loopback, with a password that the host makes; ours is on no line."""
    text = launching.start("opencode", "/srv/app").decode()
    assert "launch --hostname 127.0.0.1 --port 0 --no-mdns" in text
    assert "export OCR_SERVER_ID=" in text
    assert "/dev/urandom" in text


def test_moment() -> None:
    """A server for a moment ends by itself."""
    text = launching.moment("opencode", "/srv/app").decode()
    assert f"-lt {launching.LIMIT * 5} ]" in text


def test_end() -> None:
    """Its lease is what keeps it."""
    assert launching.end("/x/a.log.lease").startswith(b"lease=/x/a.log.lease\n")


def test_restart() -> None:
    """Each process is looked at before any is ended."""
    text = launching.restart("opencode", "/srv/app", [(7, 4096), (8, 4097)]).decode()
    assert text.index('is_server "$pid" ||') < text.index("for pid in 7 8; do stop")
    assert "port=4096\n" in text
