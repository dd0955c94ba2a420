"""Lines in bodies, and trailers: what is kept of them, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from opencoderouter.proxy.lane.bodies import BadBody, Body, Chunked

KEPT = 16 * 1024  # octets that may wait for the end of a line, and of all trailer fields
SHORT, LONG = 1000, 16000
LINES = {  # that nearly are what they should be, n octets long
    "a value of blanks": lambda n: b"0\r\na:" + b" " * n + b"\x01\r\n\r\n",
    "a value of blanks and tabs": lambda n: b"0\r\na:" + b" \t" * (n // 2) + b"\x01\r\n\r\n",
    "a name": lambda n: b"0\r\n" + b"a" * n + b"\x01\r\n\r\n",
    "a value": lambda n: b"0\r\na:" + b" b" * (n // 2) + b"\x01\r\n\r\n",
    "extensions": lambda n: b"1" + b";a" * (n // 2) + b"\x01\r\n",
    "extensions with values": lambda n: b"1" + b";a=b" * (n // 4) + b"\x01\r\n",
    "an open string": lambda n: b'1;a="' + b"a" * n + b"\r\n",
    "an open string of pairs": lambda n: b'1;a="' + b"\\a" * (n // 2) + b"\r\n",
    "a string of blanks": lambda n: b'1;a="' + b" " * n + b'"\x01\r\n',
}


@pytest.mark.parametrize("name", ["Host", "CONTENT-length", "Transfer-Encoding", "Trailer", "TE",
    "Connection", "Keep-Alive", "Upgrade", "Proxy-Authorization", "Authorization", "Cookie",
    "Set-Cookie", "Content-Type", "Forwarded", "X-Forwarded-For", "X-Forwarded-Prefix",
    "X-Real-IP", "If-Match", "Range", "Location", "Cache-Control", "Expect"])  # fmt: skip
def test_trailers_that_come_too_late(name: str) -> None:
    """A field that says how to read, route or believe the message is not passed on behind it."""
    wire = f"1\r\na\r\n0\r\n{name}: x\r\nGood: y\r\n\r\n".encode()
    assert Chunked().feed(wire) == (b"1\r\na\r\n0\r\nGood: y\r\n\r\n", b"")


def feed_on(body: Body, data: bytes, times: int) -> None:
    """Send the same again and again."""
    for _ in range(times):
        body.feed(data)


@pytest.mark.parametrize("begun", [b"1;", b'1;a="', b"0\r\nX: ", b"0\r\nX"])
@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_a_line_without_an_end(begun: bytes, step: int) -> None:
    """Memory is bounded: what does not come to the end of its line is given up."""
    body = Chunked()
    body.feed(begun)
    with pytest.raises(BadBody):
        feed_on(body, b"a" * step, times=1 + KEPT // step)


def test_a_long_line_that_has_an_end() -> None:
    """Nor does a line get longer by coming whole, and in time."""
    with pytest.raises(BadBody):
        Chunked().feed(b"1;" + b"a" * KEPT + b"\r\n")
    assert Chunked().feed(b"1;" + b"a" * (KEPT - 2) + b"\r\n") == (b"", b"")


def test_trailers_without_end() -> None:
    """Those that are kept until the end are bounded in sum."""
    body = Chunked()
    body.feed(b"0\r\n")
    with pytest.raises(BadBody):
        feed_on(body, b"X: y\r\n", times=1 + KEPT // 4)


def times(wire: bytes) -> Iterator[float]:
    """Yield the seconds that it takes to see that this is no body, again and again."""
    while True:
        body, began = Chunked(), time.perf_counter()
        with pytest.raises(BadBody):
            body.feed(wire)
        yield time.perf_counter() - began


@pytest.mark.parametrize("name", LINES)
def test_a_long_line_is_seen_through_in_one_go(name: str) -> None:
    """What a line costs grows with its length, not with the square of it."""
    short, long = times(LINES[name](SHORT)), times(LINES[name](LONG))
    least = min(next(short) for _ in range(5)), min(next(long) for _ in range(5))
    assert least[1] / least[0] < 4 * LONG / SHORT  # the square would be 16 times as much
