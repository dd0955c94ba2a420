"""The headers of the router's own answers."""

from __future__ import annotations

from opencoderouter.proxy.pages import HEADERS, policy

# Of `alert(1)` and `b{}`, made with openssl.
ALERT = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"


def test_nothing_is_allowed() -> None:
    """Whatever a browser takes an answer for, it loads, runs, frames and stores nothing of it."""
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Cache-Control"] == "no-store"


def test_hashes() -> None:
    """A script is admitted by the digest of its text, newlines and all."""
    assert f"script-src {ALERT};" in policy("<style>b{}</style><script>alert(1)</script>")
    assert ALERT not in policy("<script>alert(1)\n</script>")
