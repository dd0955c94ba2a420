"""The headers of the router's own answers."""

from __future__ import annotations

from opencoderouter.proxy.pages import HEADERS


def test_nothing_is_allowed() -> None:
    """Whatever a browser takes an answer for, it loads, runs, frames and stores nothing of it."""
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Cache-Control"] == "no-store"
