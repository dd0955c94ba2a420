"""Who is heard by mDNS."""

from __future__ import annotations

import asyncio

import pytest
from zeroconf._dns import DNSPointer, DNSQuestion, DNSService
from zeroconf._protocol.outgoing import DNSOutgoing

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


def packet(label: bytes) -> list[bytes]:
    """Return packets with such a label in a question, an owner, a PTR and an SRV record."""
    name, kind = f"{'x' * len(label)}.local.", "_opencode._tcp.local."
    asked = DNSOutgoing(0)
    asked.add_question(DNSQuestion(name, 255, 1))
    made = [asked]
    for record in (
        DNSPointer(name, 12, 1, 120, kind),
        DNSPointer(kind, 12, 1, 120, name),
        DNSService(f"a.{kind}", 33, 1, 120, 0, 0, 80, name),
    ):
        made.append(DNSOutgoing(0x8400))
        made[-1].add_answer_at_time(record, 0)
    return [one.packets()[0].replace(b"x" * len(label), label) for one in made]


@pytest.mark.parametrize(
    ("label", "is_heard"),
    [
        (b"x" * 63, True),
        (b"B\xfcro", True),  # of an old printer
        ("büro".encode(), True),
        (b"\xff" * 22, False),
        (b"\xff" * 63, False),
        ("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}".encode() * 31, False),
    ],
)
def test_what_zeroconf_could_not_say(label: bytes, *, is_heard: bool) -> None:
    """A label that is too long once it has been read stays outside, wherever it stands."""
    for one in packet(label):
        inner = Inner()
        Gate(inner, ()).datagram_received(one, ("10.1.2.3", 5353))
        assert bool(inner.got) == is_heard


def test_errors_pass() -> None:
    """What a socket says gets through."""
    inner, error = Inner(), OSError()
    Gate(inner, ()).error_received(error)
    assert inner.got == [error]
