"""Heads: bytes to text and back, and how the end of a body is told."""

from __future__ import annotations

import pytest
from aiohttp.http import HttpVersion, HttpVersion10, HttpVersion11, RawResponseMessage
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from opencoderouter.proxy import wire
from opencoderouter.proxy.wire import Framing


def reply(status: int = 200, *fields: tuple[str, str], chunked: bool = False) -> RawResponseMessage:
    """Return what a backend answered."""
    raw = tuple((name.encode(), value.encode()) for name, value in fields)
    headers = CIMultiDictProxy(CIMultiDict(fields))
    return RawResponseMessage(
        version=HttpVersion11,
        code=status,
        reason="Fine",
        headers=headers,
        raw_headers=raw,
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=chunked,
    )


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_any_bytes_survive(raw: list[tuple[bytes, bytes]]) -> None:
    """What is decoded is encoded to the same bytes."""
    head = wire.encode("X", wire.decode(raw))
    assert head == b"X\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in raw) + b"\r\n"


LENGTH = ("Content-Length", "3")
MEASURED = Framing(empty=False, measured=True, chunked=False)
CHUNKED = Framing(empty=False, measured=False, chunked=True)
LASTING = Framing(empty=False, measured=False, chunked=False)
EMPTY_MEASURED = Framing(empty=True, measured=True, chunked=False)
EMPTY = Framing(empty=True, measured=False, chunked=False)


@pytest.mark.parametrize(
    ("method", "version", "answer", "how"),
    [
        ("GET", HttpVersion11, reply(200, LENGTH), MEASURED),
        ("GET", HttpVersion10, reply(200, LENGTH), MEASURED),
        ("GET", HttpVersion11, reply(chunked=True), CHUNKED),
        ("GET", HttpVersion10, reply(chunked=True), LASTING),
        ("GET", HttpVersion11, reply(), CHUNKED),
        ("GET", HttpVersion10, reply(), LASTING),
        ("GET", HttpVersion11, reply(200, LENGTH, chunked=True), CHUNKED),
        ("HEAD", HttpVersion11, reply(200, LENGTH), EMPTY_MEASURED),
        ("HEAD", HttpVersion11, reply(chunked=True), EMPTY),
        ("GET", HttpVersion11, reply(204), EMPTY),
        ("GET", HttpVersion10, reply(304, LENGTH), EMPTY_MEASURED),
    ],
)
def test_framing(
    method: str, version: HttpVersion, answer: RawResponseMessage, how: Framing
) -> None:
    """A length is kept; what has none is chunked, or lasts as long as its connection."""
    assert wire.framing(method, version, answer) == how
    assert how.persistent is (how.empty or how.measured or how.chunked)


@pytest.mark.parametrize(
    ("version", "keep", "told"),
    [
        (HttpVersion11, True, ()),
        (HttpVersion11, False, (("Connection", "close"),)),
        (HttpVersion10, True, (("Connection", "keep-alive"),)),
        (HttpVersion10, False, (("Connection", "close"),)),
    ],
)
def test_connection(version: HttpVersion, keep: bool, told: object) -> None:  # noqa: FBT001
    """Only what differs from the version's custom is said."""
    assert wire.connection(version, keep=keep) == told


def test_a_length_beside_chunks_is_dropped() -> None:
    """Who believed it would read another answer than the backend gave."""
    answer = reply(200, LENGTH, chunked=True)
    how = wire.framing("GET", HttpVersion11, answer)
    head = wire.reply_head(answer, (("content-LENGTH", "3"), ("X", "y")), how, ())
    assert head == b"HTTP/1.1 200 Fine\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_switch_head() -> None:
    """The head of a 101 says which protocol it is from here on."""
    answer = reply(101, ("Upgrade", "websocket"), ("Connection", "x, Upgrade"))
    assert wire.switch_head(answer, (("A", "b"),)) == (
        b"HTTP/1.1 101 Fine\r\nA: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
