"""Who can reach the router, and who is told."""

from __future__ import annotations

import pytest

from opencoderouter.wiring.listen import is_loopback, warn_if_open


@pytest.mark.parametrize("hostname", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "LocalHost"])
def test_loopback(hostname: str) -> None:
    """Every spelling of this machine is known."""
    assert is_loopback(hostname)


@pytest.mark.parametrize("hostname", ["0.0.0.0", "::", "192.0.2.7", "box.example", "2001:db8::1"])
def test_others_can_reach_it(hostname: str) -> None:
    """What others can reach, or what a name may stand for, is not only this machine."""
    assert not is_loopback(hostname)


@pytest.mark.parametrize(
    ("auth", "addresses", "told"),
    [
        ("off", ["127.0.0.1", "::1"], False),
        ("off", ["0.0.0.0", "::"], True),
        ("off", ["127.0.0.1", "192.0.2.7"], True),
        ("auto", ["0.0.0.0"], False),
        ("always", ["0.0.0.0"], False),
    ],
)
def test_what_off_means_is_told(
    auth: str,
    addresses: list[str],
    told: bool,  # noqa: FBT001 - a column of the table
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever lets everybody in reads that they get a shell, and the way out."""
    warn_if_open(auth, addresses)
    assert bool(caplog.messages) == told
    assert ("runs commands as you" in caplog.text) == told
