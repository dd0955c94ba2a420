"""Packets of strangers, octet by octet."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.questions import ask, labels, opt

from opencoderouter.announce.dns import query as reading
from opencoderouter.announce.dns.query import (
    FORMERR,
    NOTIMP,
    Broken,
    Edns,
    Query,
    parse,
    skip,
)

PLAIN = ask("app.local", flags=0)
ONE = pack("!HH", 1, 1)


def header(*, flags: int = 0, counts: tuple[int, int, int, int] = (1, 0, 0, 0)) -> bytes:
    """Return twelve octets."""
    return pack("!HHHHHH", 0x1234, flags, *counts)


def test_question() -> None:
    """A question is taken as it is, its case and its octets included."""
    query = parse(ask("App.LOCAL", "AAAA", flags=0x0110))
    octets = labels("App.LOCAL") + pack("!HH", 28, 1)
    assert query == Query(0x1234, 0x0110, (b"App", b"LOCAL"), 28, 1, octets)


def test_edns() -> None:
    """OPT says how much the client takes, which version it speaks, and DO."""
    query = parse(ask("app.local", edns=opt(4096, version=1, flags=0x8000, data=b"\0\x0a\0\1x")))
    assert isinstance(query, Query)
    assert query.edns == Edns(4096, 1, 0x8000)


@pytest.mark.parametrize(
    ("edns", "room"), [(b"", 512), (opt(0), 512), (opt(513), 513), (opt(65535), 1232)]
)
def test_room(edns: bytes, room: int) -> None:
    """An answer over UDP has what the client takes: at least 512 octets, at most 1232."""
    query = parse(ask("app.local", edns=edns))
    assert isinstance(query, Query)
    assert query.room == room


SILENT = {
    "nothing": b"",
    "less than a header": PLAIN[:11],
    "an answer": ask("app.local", flags=0x8000),
    "an answer of another kind": ask("app.local", flags=0xA800),
}


@pytest.mark.parametrize("packet", SILENT.values(), ids=SILENT)
def test_silent(packet: bytes) -> None:
    """What is no question is not answered: two servers would talk for ever."""
    assert parse(packet) is None


FAULTY = {
    "no question": header(counts=(0, 0, 0, 0)),
    "two questions": header(counts=(2, 0, 0, 0)) + (labels("a") + ONE) * 2,
    "65535 questions": header(counts=(65535, 0, 0, 0)) + labels("a") + ONE,
    "an answer section": header(counts=(1, 1, 0, 0)) + labels("a") + ONE,
    "an authority section": header(counts=(1, 0, 1, 0)) + labels("a") + ONE,
    "only a header": header(),
    "a cut name": header() + b"\3ap",
    "a name without end": header() + b"\3app",
    "no type": header() + labels("app"),
    "a cut class": header() + labels("app") + b"\0\1\0",
    "a pointer to itself": header() + b"\xc0\x0c" + ONE,
    "a pointer ahead": header() + b"\xc0\xff" + ONE,
    "a pointer back": header() + b"\1a\xc0\x0c" + ONE,
    "a length of 64": header() + b"\x40" + bytes(64) + b"\0" + ONE,
    "a length of 128": header() + b"\x80" + bytes(128) + b"\0" + ONE,
    "a name of 256 octets": header() + (b"\x3f" + b"a" * 63) * 4 + b"\0" + ONE,
    "more behind it": PLAIN + b"\0",
    "OPT that is missing": header(counts=(1, 0, 0, 1)) + labels("a") + ONE,
    "OPT that is cut": header(counts=(1, 0, 0, 1)) + labels("a") + ONE + opt()[:-1],
    "OPT with less data": header(counts=(1, 0, 0, 1)) + labels("a") + ONE + opt()[:-2] + b"\0\5x",
    "OPT with a name": header(counts=(1, 0, 0, 1)) + labels("a") + ONE + b"\1a" + opt(),
    "OPT twice": header(counts=(1, 0, 0, 2)) + labels("a") + ONE + opt() + opt(),
    "OPT behind a pointer": header(counts=(1, 0, 0, 1)) + labels("a") + ONE + b"\xc0\0" + opt()[1:],
}


@pytest.mark.parametrize("packet", FAULTY.values(), ids=FAULTY)
def test_faulty(packet: bytes) -> None:
    """What is no valid question gets FORMERR, and no word of it is believed."""
    assert parse(packet) == Broken(0x1234, 0, FORMERR)


@pytest.mark.parametrize("opcode", range(1, 16))
def test_opcode(opcode: int) -> None:
    """Nothing but a query is known here: no STATUS, NOTIFY or UPDATE."""
    flags = opcode << 11
    assert parse(ask("app.local", flags=flags)) == Broken(0x1234, flags, NOTIMP)


def test_other_records() -> None:
    """Records beside OPT, such as a signature, are passed over."""
    other = labels("key") + pack("!HHIH", 250, 255, 0, 3) + b"abc"
    packet = header(counts=(1, 0, 0, 2)) + labels("a") + ONE + other + opt(700)
    query = parse(packet)
    assert isinstance(query, Query)
    assert query.edns == Edns(700, 0, 0)


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=4))
def test_names(parts: list[bytes]) -> None:
    """Each name is found again, whatever octets its labels have; it ends where it ends."""
    octets = b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    if len(octets) <= 255:
        assert skip(b"xy" + octets + b"z", 2) == 2 + len(octets)
        assert reading.labels(octets) == tuple(parts)
    else:
        assert skip(octets, 0) is None
