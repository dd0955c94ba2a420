"""Bodies: what goes on, where they end, and that chunks are judged as strictly as by llhttp."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from httptools import HttpParserError, HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.lane.bodies import LAST, NOTHING, BadBody, Body, Chunked, Counted, Open

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def fed(body: Body, *parts: bytes) -> tuple[bytes, bytes]:
    """Return all that goes on, and what lies behind the end."""
    out, behind = b"", b""
    for part in parts:
        if body.done:
            behind += part
        else:
            more, behind = body.feed(part)
            out += more
    return out, behind


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at these places, as far as they have them."""
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(at)]


PLACES = st.lists(st.integers(min_value=0, max_value=1000))

# Counted and open ones


@given(st.binary(), st.integers(min_value=0, max_value=20), PLACES)
def test_counted(data: bytes, length: int, places: list[int]) -> None:
    """As many octets go on as were announced, however they come; the others lie behind."""
    body = Counted(length)
    assert fed(body, *cuts(data, places)) == (data[:length], data[length:])
    assert body.done is (len(data) >= length)


def test_counted_too_short() -> None:
    """Who announced more than came has not finished."""
    with pytest.raises(BadBody):
        Counted(1).close()


def test_nothing() -> None:
    """A body of no octets is over before it begins, and takes none."""
    assert NOTHING.done
    assert NOTHING.feed(b"next") == (b"", b"next")
    assert NOTHING.done


@given(st.lists(st.binary(min_size=1)))
def test_open(parts: list[bytes]) -> None:
    """All of it goes on, as it is or in chunks; only the end of the connection ends it."""
    raw, framed = Open(raw=True), Open(raw=False)
    assert fed(raw, *parts) == (b"".join(parts), b"")
    chunks = fed(framed, *parts)[0]
    assert (raw.done, framed.done) == (False, False)
    assert raw.close() == b""
    assert llhttp(chunks + framed.close()) == (b"".join(parts), True)
    assert (raw.done, framed.done) == (True, True)


# Chunked ones


class Heard:
    """What llhttp says of a body."""

    def __init__(self) -> None:
        self.payload, self.whole = b"", False

    def on_body(self, data: bytes) -> None:
        """Hear a part."""
        self.payload += data

    def on_message_complete(self) -> None:
        """Hear the end."""
        self.whole = True


def llhttp(data: bytes) -> tuple[bytes, bool]:
    """Return payload, and whether that was all of it. Raises HttpParserError."""
    heard = Heard()
    parser = HttpRequestParser(heard)
    parser.feed_data(HEAD)
    if data:
        parser.feed_data(data)
    return heard.payload, heard.whole


TOKEN = st.from_regex(r"[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,5}", fullmatch=True)
TEXT = st.from_regex(r"[\t !-~\x80-\xff]{0,8}", fullmatch=True)
QUOTED = st.from_regex(r'"([\t !#-\[\]-~]|\\["\\ a-z])*"', fullmatch=True)
EXTENSION = st.one_of(
    st.builds(";{}".format, TOKEN),
    st.builds(";{}={}".format, TOKEN, TOKEN),
    st.builds(";{}={}".format, TOKEN, QUOTED),
)
TRAILER = st.builds("X-{}:{}\r\n".format, TOKEN, TEXT)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return payload, and one of the ways to send it in chunks."""
    parts = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    wire = b""
    for part in [*parts, b""]:
        size = draw(st.sampled_from(["{:x}", "{:X}", "0{:x}", "000000{:x}"])).format(len(part))
        line = size + "".join(draw(st.lists(EXTENSION, max_size=2)))
        wire += line.encode("latin-1") + b"\r\n" + (part + b"\r\n" if part else b"")
    trailers = "".join(draw(st.lists(TRAILER, max_size=2)))
    return b"".join(parts), wire + trailers.encode("latin-1") + b"\r\n"


@given(chunks(), st.binary(max_size=10), PLACES)
def test_chunked(sent: tuple[bytes, bytes], behind: bytes, places: list[int]) -> None:
    """The payload is what llhttp reads, however it is cut and framed; what follows is left."""
    payload, wire = sent
    assert llhttp(wire) == (payload, True)
    parts = cuts(wire + behind, places)
    assert fed(Chunked(raw=True), *parts) == (payload, behind)
    body = Chunked()
    framed, rest = fed(body, *parts)
    assert (llhttp(framed), rest, body.done) == ((payload, True), behind, True)


@given(st.binary(min_size=1), st.lists(TRAILER, max_size=3), PLACES)
def test_trailers_go_on(data: bytes, trailers: list[str], places: list[int]) -> None:
    """Trailer fields follow the last chunk where there are chunks, and are lost where not."""
    fields = "".join(trailers).encode("latin-1")
    wire = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(data), data, fields)
    pairs = [field.partition(b":") for field in fields.split(b"\r\n")[:-1]]
    lines = b"".join(b"%b: %b\r\n" % (name, value.strip(b" \t")) for name, _, value in pairs)
    assert fed(Chunked(), *cuts(wire, places))[0].endswith(b"\r\n0\r\n" + lines + b"\r\n")
    assert fed(Chunked(raw=True), *cuts(wire, places)) == (data, b"")


NASTY = [
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b"\x0b",
        b"\x0c",
        b"\x7f",
        b"\x80",
        b" ",
        b"\t",
        b";",
        b"=",
        b'"',
    ),
    *(
        b"0",
        b"1",
        b"f",
        b"g",
        b"x",
        b"-",
        b"+",
        b"_",
        b",",
        b":",
        b"\\",
        b"0x",
        b"ffffffffffffffff",
    ),
    *(b"0\r\n\r\n", b"\n\r\n", b"Host: a\r\n", b"Content-Length: 1\r\n", b"a\r\n"),
]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return chunks to which something has happened."""
    _, wire = draw(chunks())
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        at = draw(st.integers(min_value=0, max_value=len(wire)))
        taken = draw(st.integers(min_value=0, max_value=2))
        wire = wire[:at] + draw(st.sampled_from([b"", *NASTY])) + wire[at + taken :]
    return wire


def judged(*parts: bytes) -> tuple[str, bytes, bytes]:
    """Return what is made of it: ``whole``, ``begun`` or ``bad``; what goes on; what is left."""
    body = Chunked(raw=True)
    out = b""
    try:
        for number, part in enumerate(parts):
            more, behind = body.feed(part)
            out += more
            if body.done:
                return "whole", out, behind + b"".join(parts[number + 1 :])
    except BadBody:
        return "bad", out, b""
    return "begun", out, b""


@given(spoilt(), PLACES)
def test_never_laxer_than_llhttp(wire: bytes, places: list[int]) -> None:
    """What llhttp refuses is not accepted; what both accept they read alike.

    But for a length that comes too late: we drop such trailers, llhttp refuses them.
    """
    wire = wire.replace(b"Content-Length", b"Content-Longer")
    verdict, out, behind = judged(*cuts(wire, places))
    if verdict != "whole":
        return
    assert llhttp(wire[: len(wire) - len(behind)]) == (out, True)


@given(spoilt(), PLACES)
def test_nothing_goes_on_that_llhttp_would_not_read(wire: bytes, places: list[int]) -> None:
    """Nor is a part of the payload passed on behind what llhttp takes for its ruin."""
    _, out, _ = judged(*cuts(wire, places))
    heard = Heard()
    parser = HttpRequestParser(heard)
    parser.feed_data(HEAD)
    with suppress(HttpParserError):  # what it has read before, it has read
        parser.feed_data(wire or b"\r")
    assert heard.payload.startswith(out)


@given(spoilt(), PLACES)
def test_the_cut_does_not_matter(wire: bytes, places: list[int]) -> None:
    """Whole is whole and bad is bad, however it comes."""
    once, parts = judged(wire), judged(*cuts(wire, places))
    assert once[0] == parts[0]
    if once[0] != "bad":
        assert once == parts


@pytest.mark.parametrize(
    "wire",
    [
        *[
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\na\r\n",
            b" 1\r\n",
            b"1_0\r\n",
            b";\r\n",
        ],
        *[
            b"1 \r\na\r\n",
            b"1;\r\na\r\n",
            b"1;=\r\n",
            b"1;a=\r\n",
            b"1 ;a\r\n",
            b"1; a\r\n",
            b"1;a= b\r\n",
            b'1;a="\r\n',
            b"1;a b\r\n",
        ],
        *[b"1;a\rb\r\n", b"1;a\nb\r\n", b"1;a\0\r\n", b'1;a="\n"\r\n', b'1;a="\\\x01"\r\n'],
        *[b"1\r\nab\r\n", b"1\r\na\n\r\n", b"1\r\na\r\r\n", b"1\r\na0\r\n\r\n", b"1\r\n\r\n\r\n"],
        *[b"10000000000000000\r\n", b"ffffffffffffffff\r\n"],
        *[b"0\r\nX\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\n folded\r\n\r\n"],
        *[b"0\r\nX: a\r\n b\r\n\r\n", b"0\r\nX: a\0b\r\n\r\n", b"0\r\nX: a\nb\r\n\r\n"],
        *[b"0\r\nX: a\rb\r\n\r\n", b"0\r\n0\r\n\r\n", b"0\r\nX\xe9: y\r\n\r\n"],
    ],
)
def test_bad(wire: bytes) -> None:
    """What is not strictly chunks is nothing, in one piece or octet by octet."""
    assert judged(wire)[0] == "bad"
    assert judged(*(bytes([octet]) for octet in wire))[0] == "bad"


def test_chunked_too_short() -> None:
    """A body without its last chunk is not whole, wherever it stops."""
    wire = b"3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n"
    for at in range(len(wire)):
        body = Chunked()
        body.feed(wire[:at])
        assert not body.done
        with pytest.raises(BadBody):
            body.close()


def test_chunks_without_payload_are_silent() -> None:
    """Nothing goes on before there is something: an empty chunk would be the end."""
    body = Chunked()
    assert body.feed(b"3;a=b\r\n") == (b"", b"")
    assert body.feed(b"a") == (b"1\r\na\r\n", b"")
    assert body.feed(b"bc") == (b"2\r\nbc\r\n", b"")
    assert body.feed(b"\r\n0\r\n") == (b"", b"")
    assert body.feed(b"\r\nnext") == (LAST, b"next")
