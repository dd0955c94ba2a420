"""What is sent to other servers, and what is believed of what comes back."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.questions import ask, labels, opt

from opencoderouter.announce.dns.forward import Forwarder, is_answer, message
from opencoderouter.announce.dns.query import Query, parse

ID = 0x5678


def query(packet: bytes) -> Query:
    """Return a question."""
    parsed = parse(packet)
    assert isinstance(parsed, Query)
    return parsed


ASKED = query(ask("www.example.com"))


def answer(
    *, id_: int = ID, flags: int = 0x8180, of: str = "www.example.com", kind: int = 1
) -> bytes:
    """Return an answer without records."""
    return pack("!HHHHHH", id_, flags, 1, 0, 0, 0) + labels(of) + pack("!HH", kind, 1)


def test_message() -> None:
    """The question is asked with RD and another id."""
    assert message(ASKED, ID) == pack("!H", ID) + ask("www.example.com")[2:]


def test_message_with_edns() -> None:
    """OPT goes along with DO, without options: they may say who the client is."""
    asked = query(ask("a.test", flags=0x0130, edns=opt(4096, flags=0x8000, data=b"\0\x08\0\1x")))
    plain = ask("a.test", flags=0x0130, edns=opt(1232, flags=0x8000))
    assert message(asked, ID) == pack("!H", ID) + plain[2:]


@pytest.mark.parametrize(
    ("packet", "right"),
    [
        (answer(), True),
        (answer() + b"records", True),
        (answer(flags=0x8183), True),
        (answer(of="WWW.example.COM"), True),
        (answer(id_=ID + 1), False),
        (answer(flags=0x0180), False),
        (answer(flags=0xA980), False),
        (answer(of="www.example.org"), False),
        (answer(kind=28), False),
        (answer()[:-1], False),
        (pack("!HHHHHH", ID, 0x8180, 0, 0, 0, 0) + answer()[12:], False),
        (b"", False),
    ],
)
def test_is_answer(packet: bytes, right: bool) -> None:  # noqa: FBT001 - a table
    """Only what has id, kind and question is an answer (RFC 5452 section 9)."""
    assert is_answer(packet, ASKED, ID) is right


@given(st.binary(max_size=100))
def test_anything(packet: bytes) -> None:
    """Nothing that comes back raises."""
    assert not is_answer(packet, ASKED, ID)


async def test_nobody_to_ask() -> None:
    """Without servers there is no answer."""
    assert await Forwarder(()).ask(ASKED) is None
