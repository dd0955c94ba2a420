"""The lane and plain forwarding by aiohttp, side by side on generated traffic: no difference."""

from __future__ import annotations

import asyncio
import string
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.proxy.lane.judge import Message, answers, requests
from tests.wire.proxy.lane.oracle import oracle
from tests.wire.proxy.through import LONG, through
from tests.wire.proxy.upstream import Conversation, upstream

pytestmark = pytest.mark.usefixtures("quiet")

LAST = b"GET / HTTP/1.1\r\nHost: evil.org\r\nConnection: close\r\n\r\n"
FRAMING = frozenset(b"content-length transfer-encoding connection keep-alive date server".split())
RESERVED = frozenset(
    "host connection content-length transfer-encoding upgrade expect origin referer http2-settings"
    .split()
)  # fmt: skip
TOKEN = st.text("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits, min_size=1, max_size=12)
VALUE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=20
).map(lambda text: text.strip(" \t"))
TARGET = st.text(string.ascii_letters + "/%?&=;:@!$'()*+,[]{}|^`\"<>\\.~-_", max_size=20)


def is_reserved(name: str) -> bool:
    """Tell whether a field's name decides on what is done with a request."""
    return name.lower() in RESERVED or name.lower().startswith("sec-")


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"]
SPECIAL = [
    *("Accept", "Cookie", "X-A", "x-a", "Authorization", "User-Agent", "Content-Type", "Expect-CT"),
    *("Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "X-Hop", "Via"),
    *("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Accept-Encoding", "Range"),
    *("Content-Encoding", "If-None-Match", "X-Forwarded-Prefix", "Set-Cookie", "Location", "Date"),
]
NAME = st.sampled_from(SPECIAL) | TOKEN.filter(lambda name: not is_reserved(name))
ONCE = frozenset({"Authorization", "Content-Type", "User-Agent"})
CONNECTION = st.sampled_from(["", "X-Hop", "keep-alive", "x-a, X-Hop", "Cookie", "Via,Range", ","])
BODY = st.binary(max_size=60)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and what the backend is to answer."""

    method: str
    host: bool
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes | None
    chunks: tuple[int, ...] | None
    status: int
    said: tuple[tuple[str, str], ...]
    answer: bytes
    framing: str
    old: bool = False

    def request(self) -> bytes:
        """Return the request."""
        host, path = ("alpha.localhost", "") if self.host else ("localhost", "/alpha")
        start = [f"{self.method} {path}/{self.target} HTTP/1.1", f"Host: {host}"]
        if self.old:
            start = [start[0].replace("/1.1", "/1.0"), start[1], "Connection: keep-alive"]
        return head(start, self.fields, self.body, self.chunks) + framed(self.body, self.chunks)

    def reply(self) -> bytes:
        """Return the answer."""
        start = [f"HTTP/1.1 {self.status} Some Reason"]
        empty = self.method == "HEAD" or self.status in {204, 304}
        chunks = (7,) if self.framing == "chunks" else None
        counted = self.answer if self.framing != "none" and self.status not in {204, 304} else None
        return head(start, self.said, counted, chunks) + (
            b"" if empty else self.answer if counted is None else framed(self.answer, chunks)
        )


def head(
    start: list[str],
    fields: tuple[tuple[str, str], ...],
    body: bytes | None,
    chunks: tuple[int, ...] | None,
) -> bytes:
    """Return a head that frames a body."""
    lines = [*start, *(f"{name}: {value}" for name, value in fields)]
    if body is not None:
        lines.append("Transfer-Encoding: chunked" if chunks else f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def framed(body: bytes | None, chunks: tuple[int, ...] | None) -> bytes:
    """Return a body, in chunks of these sizes over and over where there are any."""
    if body is None or chunks is None:
        return body or b""
    result, at = b"", 0
    while at < len(body):
        for size in chunks:
            if part := body[at : at + size]:
                result += b"%x;x=y\r\n%b\r\n" % (len(part), part)
            at += size
    return result + b"0\r\n\r\n"


FIELDS = st.lists(st.tuples(NAME, VALUE), max_size=6).filter(
    lambda fields: all(
        count < 2 for count in Counter(k.lower() for k, _ in fields if k in ONCE).values()
    )
)
ASKED = st.builds(
    lambda connection, fields, said, **others: Asked(
        fields=(*fields, *([("Connection", connection)] if connection else [])),
        said=tuple(said),
        **others,
    ),
    connection=CONNECTION,
    fields=FIELDS,
    said=FIELDS,
    method=st.sampled_from(METHODS),
    host=st.booleans(),
    target=TARGET,
    body=st.none() | BODY,
    chunks=st.none() | st.lists(st.integers(1, 30), min_size=1, max_size=3).map(tuple),
    status=st.sampled_from([200, 201, 204, 206, 299, 301, 302, 304, 400, 404, 418, 500, 503, 599]),
    answer=BODY,
    framing=st.sampled_from(["length", "chunks", "none"]),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the backend saw and what the client saw."""

    seen: list[tuple[bytes, dict[bytes, list[bytes]], bytes]]
    told: list[tuple[bytes, dict[bytes, list[bytes]], bytes]]


def essence(messages: list[Message]) -> list[tuple[bytes, dict[bytes, list[bytes]], bytes]]:
    """Return what must not differ: first lines, fields by name in their order, bodies."""
    result = []
    for message in messages:
        fields: dict[bytes, list[bytes]] = {}
        for name, value in message.fields:
            if name.lower() not in FRAMING:
                fields.setdefault(name.lower(), []).append(value)
        result.append((message.start, fields, message.body if message.whole else b"cut off"))
    return result


@dataclass
class Play:
    """A backend that answers a sequence of requests as they say themselves."""

    sequence: list[Asked] = field(default_factory=list)
    log: list[Message] = field(default_factory=list)

    async def script(self, talk: Conversation) -> None:
        """Answer what comes on one connection."""
        at = 0
        while await talk.some():
            begin = at
            for one in requests(bytes(talk.seen[begin:])):
                if one.whole:
                    at = begin + one.end
                    self.log.append(one)
                    asked = self.sequence[len(self.log) - 1]
                    await talk.say(asked.reply())
                    if asked.framing == "none":
                        return

    async def run(self, port: int, sequence: list[Asked]) -> Outcome:
        """Send a sequence at once to one of the two; return what came of it."""
        self.sequence, self.log = sequence, []
        data = b"".join(asked.request() for asked in sequence) + LAST
        told = answers(await ask(port, data), [asked.method.encode() for asked in sequence])
        assert told[-1].status == 421, data  # in words of its own
        return Outcome(essence(self.log), essence(told[:-1]))


def sequences(strategy: st.SearchStrategy[list[Asked]]) -> list[list[Asked]]:
    """Return generated traffic, always the same."""
    result: list[list[Asked]] = []

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(strategy)
    def make(sequence: list[Asked]) -> None:
        result.append(sequence)

    make()
    return result


def alike(sequence: list[Asked], old: int) -> list[Asked]:
    """Return requests that go over one connection to the backend and are answered the same.

    One of them is of HTTP/1.0, where such an answer does not end its connection.
    """
    old = old if sequence[0].framing == "length" else -1
    first = replace(sequence[0], body=None, said=(*sequence[0].said, ("Location", "/x")))
    rest = [
        replace(first, method=one.method, host=one.host, target=one.target, old=number == old)
        for number, one in enumerate(sequence)
        if one.method in {"GET", "HEAD", "OPTIONS"}
    ]
    return [first, *rest]


ANY = st.lists(ASKED, min_size=1, max_size=5)
ALIKE = st.builds(alike, st.lists(ASKED, min_size=3, max_size=8), st.integers(0, 7))


@pytest.mark.parametrize("strategy", [ANY, ALIKE], ids=["any", "alike"])
async def test_no_difference(strategy: st.SearchStrategy[list[Asked]]) -> None:
    """Backend and client see the same, whoever stands between them."""
    play = Play()
    async with (
        upstream(play.script) as backend,
        through(backend.port, alone=False) as proxy,
        oracle(lambda: proxy.registry.table, proxy.context.names) as port,
    ):
        for sequence in sequences(strategy):
            ours, theirs = await play.run(proxy.port, sequence), await play.run(port, sequence)
            assert ours == theirs, sequence


async def ask(port: int, data: bytes) -> bytes:
    """Return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(LONG):
            return await reader.read()
    finally:
        writer.transport.abort()
