"""Packets by the thousand: random ones, and questions that were damaged. And what reads answers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from struct import pack, unpack_from

from tests.rig.questions import DOMAIN, TYPES, ask, opt

_NAMES = [
    "app-alice.local", "ocr-alice-box.local", "APP-alice.Local", "host.local", "local", ".",
    "_opencode._tcp.local", "_services._dns-sd._udp.local", "app-alice._opencode._tcp.local",
    f"app-alice.{DOMAIN}", DOMAIN, f"nobody.{DOMAIN}", "example.com", "1.0.0.127.in-addr.arpa",
    ".".join(["a" * 60] * 4), "local.local.local",
]  # fmt: skip
_EDNS = [b"", opt(0), opt(512), opt(1232), opt(65535, flags=0x8000), opt(version=3), opt(data=b"x")]
SEEDS = [ask(name, kind, edns=edns) for name in _NAMES for kind in TYPES for edns in _EDNS]
_TELLING = b"\x00\x01\x3f\x40\x7f\x80\xc0\xff"  # octets that mean something at many places
_LONGEST = 2000


def packets(number: int, seed: int = 20240501) -> Iterator[bytes]:
    """Yield so many packets, the same ones in each run: a tenth is random from its first octet."""
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    for count in range(number):
        if count % 10 == 0:
            yield random.randbytes(random.randrange(_LONGEST if count % 100 else 70))
        else:
            yield _damaged(random, random.choice(SEEDS))


def _damaged(random: Random, packet: bytes) -> bytes:
    octets = bytearray(packet)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        at = random.randrange(len(octets) + 1)
        match random.randrange(7):
            case 0:
                del octets[at:]
            case 1:
                octets[at : at + random.randrange(1, 8)] = b""
            case 2:
                octets[at:at] = random.randbytes(random.randrange(1, 40))
            case 3:
                octets[at : at + 1] = bytes([random.choice(_TELLING)])
            case 4:
                octets[at : at + 1] = random.randbytes(1)
            case 5:
                octets += random.choice(SEEDS)[random.randrange(60) :]
            case _:
                octets[2:12] = _header(random)
    return bytes(octets)


def _header(random: Random) -> bytes:
    flags = random.choice((0, 0x0100, 0x0110, 0x8000, 0x2800, random.randrange(1 << 16)))
    counts = [random.choice((0, 0, 1, 1, 1, 2, 65535)) for _ in range(4)]
    return pack("!H4H", flags, *counts)


def walk(wire: bytes) -> int:
    """Return how many records an answer has; it must be whole, with nothing behind its end.

    Pointers must point back, to where a name can be. It shares no code with what it judges.
    """
    _, flags, questions, *counts = unpack_from("!HHHHHH", wire)
    assert flags & 0x8000, "an answer"
    at = 12
    for _ in range(questions):
        at = _skip(wire, at) + 4
    for _ in range(sum(counts)):
        at = _skip(wire, at)
        *_, length = unpack_from("!HHIH", wire, at)
        at += 10 + length
    assert at == len(wire), "all of it"
    return sum(counts)


def _skip(wire: bytes, at: int) -> int:
    end, whole = None, 0
    while length := wire[at]:
        if length >= 0xC0:
            end = end or at + 2
            target = int.from_bytes(wire[at : at + 2], "big") & 0x3FFF
            assert 12 <= target < at, "back"
            at = target
            continue
        assert length < 64, "a length"
        whole += length + 1
        assert whole < 255, "a name"
        at += length + 1
    return end or at + 1
