"""Heads of answers: how the end of a body is told, and what the client gets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.lane.reply import Framing, Reply, read
from opencoderouter.proxy.lane.request import Request

NEW = Request("GET", "/", (("Host", "h:1"),), length=0, keep=True, old=False)
OLD = replace(NEW, old=True)
HEAD = replace(NEW, method="HEAD")

LENGTH, CHUNKS = "Content-Length: 3", "Transfer-Encoding: chunked"


def answered(start: str, *fields: str, request: Request = NEW, **other: str) -> Reply | None:
    """Return what is made of a head."""
    return read("\r\n".join([start, *fields, "", ""]).encode("latin-1"), request, **other)


def reply(status: int, *fields: str, request: Request = NEW, **other: str) -> Reply:
    """Return what is made of a head that makes sense."""
    result = answered(f"HTTP/1.1 {status} Fine", *fields, request=request, **other)
    assert result is not None
    return result


def lines(head: bytes) -> list[str]:
    """Return the fields of a head."""
    assert head.endswith(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n")[1:-2]


@pytest.mark.parametrize(
    ("request_", "status", "fields", "framing", "told"),
    [
        (NEW, 200, [LENGTH], Framing.COUNTED, [LENGTH]),
        (OLD, 200, [LENGTH], Framing.COUNTED, [LENGTH]),
        (HEAD, 200, [LENGTH], Framing.EMPTY, [LENGTH]),
        (NEW, 200, ["Content-Length: 0"], Framing.COUNTED, ["Content-Length: 0"]),
        (NEW, 200, [CHUNKS], Framing.CHUNKED, [CHUNKS]),
        (OLD, 200, [CHUNKS], Framing.CHUNKED, []),
        (HEAD, 200, [CHUNKS], Framing.EMPTY, []),
        (NEW, 200, [LENGTH, CHUNKS], Framing.CHUNKED, [CHUNKS]),
        (NEW, 200, [CHUNKS, LENGTH], Framing.CHUNKED, [CHUNKS]),
        (OLD, 200, [LENGTH, CHUNKS], Framing.CHUNKED, []),
        (NEW, 200, [], Framing.OPEN, [CHUNKS]),
        (OLD, 200, [], Framing.OPEN, []),
        (HEAD, 200, [], Framing.EMPTY, []),
        (NEW, 204, [], Framing.EMPTY, []),
        (NEW, 304, [LENGTH], Framing.EMPTY, [LENGTH]),
        (OLD, 304, [LENGTH], Framing.EMPTY, [LENGTH]),
        (NEW, 103, ["Link: x"], Framing.EMPTY, ["Link: x"]),
    ],
)
def test_framing(
    request_: Request, status: int, fields: list[str], framing: Framing, told: list[str]
) -> None:
    """A length is kept; what has none is chunked, or lasts as long as its connection."""
    found = reply(status, *fields, request=request_)
    assert (found.status, found.framing) == (status, framing)
    assert lines(found.keep) == [*told, *(["Connection: keep-alive"] if request_.old else [])]
    assert lines(found.last) == [*told, "Connection: close"]
    told_by_the_head = framing in {Framing.EMPTY, Framing.COUNTED}
    assert found.bounded is (told_by_the_head or not request_.old)


@pytest.mark.parametrize(
    ("fields", "data", "expected"),
    [
        ([LENGTH], b"abcd", (b"abc", b"d")),
        (["Content-Length: 0"], b"d", (b"", b"d")),
        ([CHUNKS], b"3\r\nabc\r\n0\r\n\r\nd", (b"3\r\nabc\r\n0\r\n\r\n", b"d")),
        ([], b"abcd", (b"4\r\nabcd\r\n", b"")),
    ],
)
def test_body(fields: list[str], data: bytes, expected: tuple[bytes, bytes]) -> None:
    """What takes in the body knows its framing; each answer has one of its own."""
    found = reply(200, *fields)
    assert [found.body().feed(data) for _ in range(2)] == [expected] * 2


def test_body_for_old_clients() -> None:
    """They get no chunks."""
    assert reply(200, CHUNKS, request=OLD).body().feed(b"1\r\na\r\n0\r\n\r\n") == (b"a", b"")
    assert reply(200, request=OLD).body().feed(b"ab") == (b"ab", b"")


@pytest.mark.parametrize(
    ("start", "fields", "reusable"),
    [
        ("HTTP/1.1 200 OK", [LENGTH], True),
        ("HTTP/1.1 200 OK", [CHUNKS], True),
        ("HTTP/1.1 200 OK", [], False),
        ("HTTP/1.1 200 OK", [LENGTH, "Connection: x, close"], False),
        ("HTTP/1.1 204 OK", [], True),
        ("HTTP/1.0 200 OK", [LENGTH], False),
        ("HTTP/1.0 200 OK", [LENGTH, "Connection: keep-alive"], True),
        ("HTTP/1.0 204 OK", [], False),
    ],
)
def test_reusable(start: str, fields: list[str], reusable: bool) -> None:  # noqa: FBT001
    """A connection serves again unless its backend says that it closes it."""
    found = answered(start, *fields)
    assert found is not None
    assert found.reusable is reusable
    assert found.keep.startswith(b"HTTP/1.1 ")


def test_interim() -> None:
    """Other answers follow those below 200; nothing that is HTTP follows 101."""
    assert [reply(status).interim for status in (100, 102, 199, 200)] == [True, True, True, False]
    switch = reply(101, "Connection: x, Upgrade", "Upgrade: websocket", "A: b")
    assert (switch.interim, switch.switches) == (False, True)
    assert lines(switch.keep) == ["A: b", "Connection: Upgrade", "Upgrade: websocket"]


@pytest.mark.parametrize(
    ("kind", "stream"),
    [
        *[("text/event-stream", True), ("Text/Event-Stream; charset=utf-8", True)],
        *[("text/html", False), ("application/json", False), ("", False)],
    ],
)
def test_stream(kind: str, stream: bool) -> None:  # noqa: FBT001
    """An event stream is known by its type."""
    assert reply(200, f"Content-Type: {kind}").stream is stream


@pytest.mark.parametrize(
    ("request_", "fields", "ending"),
    [
        *[(NEW, [CHUNKS], b"0\r\n\r\n"), (NEW, [], b"0\r\n\r\n"), (NEW, [LENGTH], b"")],
        *[(OLD, [CHUNKS], b""), (OLD, [], b"")],
    ],
)
def test_ending(request_: Request, fields: list[str], ending: bytes) -> None:
    """A stream can be ended well where it is in chunks."""
    assert reply(200, *fields, request=request_).ending == ending


def test_fields() -> None:
    """Fields stay as they are, but for those of the connection."""
    fields = ["x-one: 1", "Set-Cookie: a=\xe9\xff", "X-ONE: 2", "Empty: ", LENGTH]
    hop = ["Keep-Alive: 5", "Connection: X-Hop", "X-Hop: 1", "Proxy-Authenticate: x"]
    found = reply(200, *fields, *hop)
    assert found.keep == ("\r\n".join(["HTTP/1.1 200 Fine", *fields, "", ""])).encode("latin-1")


def test_prefix() -> None:
    """In path mode what leads to the backend, by its own name or the client's, is mended."""
    targets = ["/x", "http://127.0.0.1:2/x", "http://H:1/x", "http://e/x"]
    fields = [f"Location: {target}" for target in targets]
    mended = reply(204, *fields, prefix="/p", authority="127.0.0.1:2")
    box = ["Content-Security-Policy: sandbox", "X-Content-Type-Options: nosniff"]
    assert lines(mended.keep) == [*["Location: /p/x"] * 3, "Location: http://e/x", *box]
    assert not lines(reply(103, prefix="/p").keep)
    assert not lines(reply(200, "Content-Length: 0").keep)[1:]


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        *[("", []), ("nonsense", []), ("GET / HTTP/1.1", []), ("HTTP/1.1 abc X", [])],
        *[("HTTP/1.1 20 X", []), ("HTTP/1.1 2000 X", []), ("HTTP/1.1  200 X", [])],
        *[("HTTP/1.1 000 X", []), ("HTTP/1.1 099 X", []), ("HTTP/2.0 200 X", [])],
        *[("HTTP/1.1 200 X\0", []), ("HTTP/1.1 200 X", ["a b: c"]), ("HTTP/1.1 200 X", [" a: b"])],
        *[("HTTP/1.1 200 X", ["A: b\0c"]), ("HTTP/1.1 200 X", ["A: b", " c"])],
        *[("HTTP/1.1 200 X", [f"Content-Length: {bad}"]) for bad in ("x", "-1", "", "1, 1", "1 1")],
        ("HTTP/1.1 200 X", ["Content-Length: " + "9" * 30]),
        ("HTTP/1.1 200 X", [LENGTH, "Content-Length: 3"]),
        *[("HTTP/1.1 200 X", [f"Transfer-Encoding: {bad}"]) for bad in ("gzip", "x, chunked", "")],
        ("HTTP/1.1 200 X", ["Transfer-Encoding: chunked, chunked"]),
        ("HTTP/1.1 200 X", [CHUNKS, CHUNKS]),
        ("HTTP/1.1 200 X", ["A: b"] * 257),
    ],
)
def test_nonsense(start: str, fields: list[str]) -> None:
    """What is not strictly an answer is none."""
    assert answered(start, *fields) is None


def test_a_length_of_many_digits() -> None:
    """Zeros in front of a length, and be they thousands, are no defect of ours."""
    assert answered("HTTP/1.1 200 X", "Content-Length: " + "0" * 5000) is None


PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(
                b"HTTP/1.1 ",
                b"HTTP/1.0 ",
                b"200",
                b"101",
                b"204",
                b" OK\r\n",
                b"\r\n",
                b"\r",
                b"\n",
            ),
            *(
                b"Content-Length: ",
                b"0",
                b"3\r\n",
                b"Transfer-Encoding: ",
                b"chunked",
                b"gzip",
                b",",
            ),
            *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n", b": ", b"\xff"),
        ]
    ),
)


@given(st.lists(PIECES, max_size=15).map(b"".join), st.sampled_from([NEW, OLD, HEAD]))
def test_any_bytes(data: bytes, request_: Request) -> None:
    """Whatever comes up to an empty line makes sense or does not; nothing is raised."""
    head = (data + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    found = read(head, request_)
    assert found is None or found.keep.endswith(b"\r\n\r\n")
