"""Heads of requests: what is understood, and what is refused in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.headers import Fields
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.request import (
    Request,
    decode,
    encode,
    hopeless,
    read,
    too_long,
)

LIMITS = Limits(request_line=100, header_size=300, header_fields=5)


def head(start: str, *fields: str) -> bytes:
    """Return a head."""
    return "\r\n".join([start, *fields, "", ""]).encode("latin-1")


def understood(data: bytes) -> Request:
    """Return what a head says that must be understood."""
    result = read(data, Limits())
    assert isinstance(result, Request)
    return result


def refused(data: bytes, limits: Limits = LIMITS) -> int:
    """Return the status with which a head must be refused."""
    result = read(data, limits)
    assert isinstance(result, Refuse), result
    assert result.error
    assert result.detail
    assert result.hint
    return result.status


def test_plain() -> None:
    """Method, target and fields are as they came, without the space around values."""
    found = understood(head("GET /a?b=%zz HTTP/1.1", "Host: a", "x-Y:  z \t", "Empty:"))
    fields = (("Host", "a"), ("x-Y", "z"), ("Empty", ""))
    assert found == Request("GET", "/a?b=%zz", fields, length=0, keep=True, old=False)


def test_what_is_not_ascii() -> None:
    """Bytes of a value come and go, also where they are no UTF-8."""
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\xff\r\nY: \xc3\xa9\r\n\r\n"
    found = understood(raw)
    assert found.headers[2] == ("Y", "é")
    assert encode("GET / HTTP/1.1", found.headers) == raw


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ([], 0),
        (["Content-Length: 0"], 0),
        (["content-length: 12"], 12),
        (["Content-Length: 0012 "], 12),
        (["Content-Length: 123456789012345"], 123456789012345),
        (["Transfer-Encoding: chunked"], None),
        (["TRANSFER-ENCODING: Chunked "], None),
    ],
)
def test_length(fields: list[str], length: int | None) -> None:
    """The body has the length that is said, or chunks, or there is none."""
    for method in ("GET", "POST", "PROPFIND"):
        assert understood(head(f"{method} / HTTP/1.1", "Host: a", *fields)).length == length


@pytest.mark.parametrize(
    ("version", "fields", "keep"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: close"], False),
        ("1.1", ["Connection: x, Close"], False),
        ("1.1", ["Connection: x", "Connection: close"], False),
        ("1.1", ["Connection: keep-alive, Upgrade", "Upgrade: websocket"], True),
        ("1.1", ["Connection: Upgrade", "Upgrade: websocket", "Content-Length: 3"], True),
        ("1.0", [], False),
        ("1.0", ["Connection: keep-alive"], True),
        ("1.0", ["Connection: close"], False),
    ],
)
def test_keep(version: str, fields: list[str], keep: bool) -> None:  # noqa: FBT001
    """A connection goes on as its version and its client want it."""
    found = understood(head(f"GET / HTTP/{version}", "Host: a", *fields))
    assert (found.keep, found.old) == (keep, version == "1.0")


@pytest.mark.parametrize(
    ("start", "fields", "status"),
    [
        ("", [], 400),
        ("GET / HTTP/1.1", ["X: a\0b"], 400),
        ("GET / HTTP/1.1", ["X: a\rb"], 400),
        ("GET / HTTP/1.1", ["X: a\nb"], 400),
        ("GET / HTTP/1.1", ["X : y"], 400),
        ("GET / HTTP/1.1", [" X: y"], 400),
        ("GET / HTTP/1.1", ["X: y", " folded"], 400),
        ("GET / HTTP/1.1", [": y"], 400),
        ("GET / HTTP/1.1", ["X"], 400),
        ("GET / HTTP/1.1", ["X\xe9: y"], 400),
        ("GET /\xe9 HTTP/1.1", [], 400),
        ("GET /\x7f HTTP/1.1", [], 400),
        ("GET  / HTTP/1.1", [], 400),
        ("GET /  HTTP/1.1", [], 400),
        ("GET\t/ HTTP/1.1", [], 400),
        ("GET / a HTTP/1.1", [], 400),
        ("GET / HTTP/1.1 ", [], 400),
        ("GET / http/1.1", [], 400),
        ("GET / RTSP/1.0", [], 400),
        ("GET /", [], 400),
        ("FOO / HTTP/1.1", [], 400),
        ("GET / HTTP/1.10", [], 400),
        ("POST / HTTP/1.1", ["Content-Length: +1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: -1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: 1, 1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: 0x1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: 1 1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: "], 400),
        ("POST / HTTP/1.1", ["Content-Length: 18446744073709551616"], 400),
        ("POST / HTTP/1.1", ["Content-Length: 1", "Content-Length: 1"], 400),
        ("POST / HTTP/1.1", ["Content-Length: 1", "Transfer-Encoding: chunked"], 400),
        ("POST / HTTP/1.1", ["Transfer-Encoding: chunked", "Content-Length: 1"], 400),
        ("POST / HTTP/1.1", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400),
        ("POST / HTTP/1.1", ["Transfer-Encoding: "], 400),
        ("POST / HTTP/1.0", ["Transfer-Encoding: chunked"], 400),
        ("POST / HTTP/1.1", ["Transfer-Encoding: gzip"], 501),
        ("POST / HTTP/1.1", ["Transfer-Encoding: xchunked"], 501),
        ("POST / HTTP/1.1", ["Transfer-Encoding: gzip, chunked"], 501),
        ("POST / HTTP/1.1", ["Transfer-Encoding: chunked, gzip"], 400),
        ("GET / HTTP/2.0", [], 505),
        ("GET / HTTP/0.9", [], 505),
    ],
)
def test_refused(start: str, fields: list[str], status: int) -> None:
    """What could be read in two ways is not read at all; what is only unknown is told so."""
    assert refused(head(start, "Host: a", *fields)) == status


def test_a_length_of_many_digits() -> None:
    """Zeros in front of a length, and be they thousands, are no defect of ours."""
    assert refused(head("POST / HTTP/1.1", "Content-Length: " + "0" * 5000), Limits()) == 400


def test_what_lies_before_the_start() -> None:
    """Nothing may: empty lines are skipped by who cuts heads out of a stream."""
    for before in (b"\r\n", b"\n", b"\r", b" ", b"\0"):
        assert refused(before + head("GET / HTTP/1.1", "Host: a")) == 400


def lines(total: int) -> bytes:
    """Return a head of so many octets."""
    start = b"GET / HTTP/1.1\r\nX: "
    return start + b"a" * (total - len(start) - 4) + b"\r\n\r\n"


def test_limits() -> None:
    """Each limit is the most that is allowed; one more has its own status."""
    target = "/" + "a" * (LIMITS.request_line - len("GET / HTTP/1.1"))
    assert isinstance(read(head(f"GET {target} HTTP/1.1"), LIMITS), Request)
    assert refused(head(f"GET {target}a HTTP/1.1")) == 414
    assert isinstance(read(lines(LIMITS.header_size), LIMITS), Request)
    assert refused(lines(LIMITS.header_size + 1)) == 431
    assert isinstance(read(head("GET / HTTP/1.1", *["X: y"] * 5), LIMITS), Request)
    assert refused(head("GET / HTTP/1.1", *["X: y"] * 6)) == 431


def test_too_long_before_its_end() -> None:
    """A head that has only begun is refused as soon as it is too long, with the same words."""
    assert too_long(b"a" * 100, LIMITS) is None
    assert getattr(too_long(b"a" * 101, LIMITS), "status", 0) == 414
    begun = b"GET / HTTP/1.1\r\n"
    assert too_long(begun + b"a" * (300 - len(begun)), LIMITS) is None
    assert getattr(too_long(begun + b"a" * (301 - len(begun)), LIMITS), "status", 0) == 431


def test_the_longest_line_wherever_it_is_cut() -> None:
    """A line of just the length that is allowed may come in parts, be they cut in its end."""
    whole = head("GET /" + "a" * 86 + " HTTP/1.1", "Host: a")
    assert whole.index(b"\r\n") == LIMITS.request_line
    assert [at for at in range(len(whole)) if too_long(whole[:at], LIMITS)] == []


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        *[(b"", False), (b"G", False), (b"GET / HT", False), (b"GET / HTTP/1.1\r", False)],
        *[(b"GET / HTTP/1.1\r\nX: y\r\n", False), (b"\r", False)],
        *[(b"\x16\x03\x01", True), (b"{}", True), (b" GET", True), (b"\rG", True), (b"\n", True)],
        *[(b"GET / HTTP/1.1\nHost: a", True), (b"GET / HTTP/1.1\r\nX\n", True)],
    ],
)
def test_hopeless(begun: bytes, expected: bool) -> None:  # noqa: FBT001
    """TLS and bare line feeds are not waited for to end; all that may become a head is."""
    assert (hopeless(begun) is not None) is expected


PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(b"GET ", b"POST ", b"CONNECT ", b"/", b"http://a/", b"*", b" HTTP/1.1\r\n", b"\r\n"),
            *(b" HTTP/1.0\r\n", b"Host: a\r\n", b"Content-Length: ", b"0", b"18446744073709551615"),
            *(b"Transfer-Encoding: ", b"chunked", b"Connection: upgrade\r\nUpgrade: x\r\n", b","),
            *(
                b"Connection: close\r\n",
                b": ",
                b"\r",
                b"\n",
                b"\0",
                b"\xff",
                b"Expect: 100-continue",
            ),
        ]
    ),
)
BYTES = st.lists(PIECES, max_size=20).map(b"".join)


@given(BYTES)
def test_any_bytes(data: bytes) -> None:
    """Whatever comes up to an empty line is understood or refused."""
    whole = (data + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    result = read(whole, LIMITS)
    assert isinstance(result, Refuse) or result.length is None or result.length >= 0
    refuse = hopeless(data)
    assert refuse is None or refuse.status == 400


@given(BYTES, st.integers(min_value=0))
def test_what_is_understood_is_not_hopeless(fields: bytes, cut: int) -> None:
    """No part of a head that will be understood is given up before it is whole."""
    whole = b"GET / HTTP/1.1\r\n" + fields.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    if isinstance(read(whole, LIMITS), Request):
        assert not hopeless(whole[: cut % len(whole)])


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z-]+", fullmatch=True), st.binary())))
def test_any_value_survives(raw: list[tuple[str, bytes]]) -> None:
    """What is decoded is encoded to the same bytes, but for the space around values."""
    fields = [(name.encode(), value) for name, value in raw]
    text = decode(fields)
    assert isinstance(text, Fields)
    expected = b"".join(b"%b: %b\r\n" % (name, value.strip(b" \t")) for name, value in fields)
    assert encode("X", text) == b"X\r\n" + expected + b"\r\n"
