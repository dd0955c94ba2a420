"""Who is heard by mDNS."""

from __future__ import annotations

import asyncio

import pytest

from opencoderouter.announce.gate import Gate
from opencoderouter.kernel.addresses import Interface

PUBLIC = Interface("eth0", 2, ("203.0.113.7",), networks=("203.0.113.0/25", "2001:db8:1::/64"))


class Inner(asyncio.DatagramProtocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep a packet."""
        self.got.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        """Keep an error."""
        self.got.append(exc)


@pytest.mark.parametrize(
    ("sender", "is_heard"),
    [
        ("203.0.113.9", True),
        ("203.0.113.200", False),
        ("198.51.100.9", False),
        ("10.1.2.3", True),
        ("192.168.7.7", True),
        ("169.254.1.2", True),
        ("127.0.0.1", True),
        ("2001:db8:1::5", True),
        ("2001:db8:2::5", False),
        ("fe80::1%eth0", True),
        ("fd00::5", True),
        ("::ffff:198.51.100.9", False),
        ("::ffff:10.1.2.3", True),
    ],
)
def test_who_is_heard(sender: str, *, is_heard: bool) -> None:
    """Private networks, and those of the interfaces; nobody else."""
    inner = Inner()
    Gate(inner, (PUBLIC,)).datagram_received(b"x", (sender, 5353))
    assert inner.got == ([(b"x", (sender, 5353))] if is_heard else [])


def test_errors_pass() -> None:
    """What a socket says gets through."""
    inner, error = Inner(), OSError()
    Gate(inner, ()).error_received(error)
    assert inner.got == [error]
