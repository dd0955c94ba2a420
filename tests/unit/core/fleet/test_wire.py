"""HTTP/1.1 as it is on the wire: exact, cut, ambiguous."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.model import Endpoint
from opencoderouter.core.fleet.wire import MOST_HEAD, Answer, Request, decode, is_whole

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = OK + b'Content-Length: 7\r\n\r\n{"a":1}'
CHUNKS = OK + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n'


def test_request() -> None:
    """A request is for one connection, and names the server by its own address."""
    end = Endpoint(4096, "::1", "/proj", authorization="Basic eDp5")
    assert Request(end, "POST", "/session?directory=%2Fa", {"x": "å"}).encode() == (
        b"POST /proj/session?directory=%2Fa HTTP/1.1\r\nHost: [::1]:4096\r\nConnection: close\r\n"
        b"Accept: application/json\r\nAuthorization: Basic eDp5\r\n"
        b'Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"x": "\\u00e5"}'
    )
    assert Request(Endpoint(1), "GET", "/").encode() == (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n"
        b"Accept: application/json\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/a b"), ("GET", "/a\r\nX: y"), ("GET", "/å"), ("GET", "x"), ("GET /x", "/")],
)
def test_no_request(method: str, path: str) -> None:
    """What would be another request than it seems is none."""
    with pytest.raises(ValueError, match="no request"):
        Request(Endpoint(1), method, path)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (LENGTH, Answer(200, {"a": 1})),
        (LENGTH + b"more", Answer(200, {"a": 1})),
        (CHUNKS, Answer(200, {"a": 1})),
        (OK + b"\r\n[1]", Answer(200, [1])),
        (OK + b"Content-Length: 2\r\n\r\n{]", Answer(200)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204)),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{}", Answer(200)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH, Answer(200, {"a": 1})),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", Answer(401)),
    ],
)
def test_answer(data: bytes, answer: Answer) -> None:
    """A body ends by its length, its last chunk, or the end; only JSON that says so is JSON."""
    assert decode(data) == answer
    assert answer.good == (answer.status < 300)


@pytest.mark.parametrize("whole", [LENGTH, CHUNKS])
def test_cut(whole: bytes) -> None:
    """A cut answer is none, wherever it was cut: only the end of the last chunk can be missing."""
    end = len(whole) - (2 if whole is CHUNKS else 0)
    assert [size for size in range(end) if decode(whole[:size])] == []


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX:" + b" " * 30_000 + b"\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX:" + b" " * 4_000_000 + b"\0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000 + LENGTH,
    ],
)
def test_no_answer(head: bytes) -> None:
    """What two readers could read differently is no answer, nor is one that has no end.

    Each is read in no time: whoever listens on a host must not keep the others from being asked.
    """
    assert decode(head) is None
    assert not is_whole(head) or len(head) < MOST_HEAD


@pytest.mark.parametrize(("chunks", "is_one"), [(60_000, True), (2_000_000, False)])
def test_many_chunks(chunks: int, *, is_one: bool) -> None:
    """An answer in chunks of an octet each is read up to some megabytes' worth of real ones."""
    body = b'"' + b"x" * (chunks - 3) + b'"'
    data = b"".join(b"1\r\n%c\r\n" % octet for octet in body) + b"0\r\n\r\n"
    answer = Answer(200, "x" * (chunks - 3))
    whole = OK + b"Transfer-Encoding: chunked\r\n\r\n" + data
    assert decode(whole) == (answer if is_one else None)


@given(st.binary(), st.sampled_from([b"", OK, OK + b"\r\n", LENGTH[:-9], CHUNKS[:80]]))
def test_never_raises(data: bytes, start: bytes) -> None:
    """Any octets are read."""
    decode(start + data)
    decode(start + b"Transfer-Encoding: chunked\r\n\r\n" + data)


@pytest.mark.parametrize("whole", [LENGTH, CHUNKS, OK + b"content-length: 0\r\n\r\n"])
def test_is_whole(whole: bytes) -> None:
    """An answer is over with its last octet, whether the connection is or not."""
    assert is_whole(whole)
    assert not any(is_whole(whole[:size]) for size in range(len(whole)))
