"""Where bytes are cut on their way does not matter: every cut of requests and of answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from tests.wire.proxy.lane.alone import alone
from tests.wire.proxy.lane.judge import Message, Nonsense, answers, prefix, requests
from tests.wire.proxy.lane.notes import HOST, Wire, fine, send_in_parts
from tests.wire.proxy.through import LONG, Client, Proxy, through
from tests.wire.proxy.upstream import Conversation, upstream

pytestmark = pytest.mark.usefixtures("quiet")

Cuts = Sequence[int]
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nX-Some: thing\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """What a client sends at once, and what the backend answers to each request of it.

    ``closes``: the backend's answer ends with its connection. ``tunnel``: what the client sends
    behind the request, which is not HTTP.
    """

    request: bytes
    replies: tuple[bytes, ...] = (OK,)
    closes: bool = False
    tunnel: bytes = b""

    @property
    def methods(self) -> list[bytes]:
        """Return the methods of the requests, the last one's included."""
        return [one.start.split()[0] for one in prefix(self.request)] + [b"GET"]

    @property
    def sent(self) -> bytes:
        """Return all that the client sends."""
        return self.request + self.tunnel


GET = b"GET /x?y HTTP/1.1\r\n" + HOST + b"Accept: */*\r\nX: y\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\n" + HOST
BODY = b"5;a=b\r\nhello\r\n6\r\n world\r\n0;c\r\nX-Sum: 11\r\nX-Tail: b\r\n\r\n"
CASES = {
    "get": Case(GET),
    "path": Case(b"GET /alpha/x HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\nCookie: c\r\n\r\n"),
    "length": Case(POST + b"Content-Length: 11\r\n\r\nhello\r\n\r\n\0\xff"),
    "chunks": Case(POST + CHUNKED + b"Trailer: X-Sum\r\n\r\n" + BODY),
    "head": Case(
        GET.replace(b"GET", b"HEAD"), (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",)
    ),
    "no content": Case(GET, (b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n",)),
    "not modified": Case(
        GET, (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n",)
    ),
    "interim": Case(
        GET,
        (
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        ),
    ),
    "chunked reply": Case(GET, (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n" + BODY,)),
    "until the end": Case(GET, (b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello world",), closes=True),
    "old until the end": Case(GET, (b"HTTP/1.0 200 OK\r\n\r\nhello",), closes=True),
    "no reason": Case(GET, (b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",)),
    "upgrade": Case(
        b"GET /x HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: other/1\r\n\r\n",
        (SWITCH + b"HTTP/1.1 early\r\n\r\n",),
        tunnel=b"GET / HTTP/1.1\r\n\r\nand more",
    ),
    "pair": Case(
        POST + b"Content-Length: 5\r\n\r\nhello" + GET.replace(b"/x", b"/y"),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n" + BODY, OK.replace(b"hello", b"other")),
    ),
    "pair in chunks": Case(
        POST + CHUNKED + b"\r\n" + BODY + POST + CHUNKED + b"\r\n" + BODY,
        (OK, b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
    ),
    "expect": Case(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the backend was asked, what came through a tunnel, and what the client was answered."""

    asked: list[Message]
    tunnelled: bytes
    answered: list[Message]


@dataclass
class Play:
    """A router and a backend that plays cases; ``log`` has the requests that came."""

    proxy: Proxy
    case: Case
    reply_cuts: Cuts = ()
    log: list[Message] = field(default_factory=list)
    tunnelled: bytes = b""
    _left: list[bytes] = field(default_factory=list)

    async def run(self, cuts: Cuts = (), reply_cuts: Cuts = ()) -> Outcome:
        """Return what the backend and what the client got, with bytes cut at these places."""
        self.log, self.tunnelled, self.reply_cuts = [], b"", reply_cuts
        self._left = list(self.case.replies)
        async with self.proxy.client() as client:
            await send_in_parts(client, *cut(self.case.sent, cuts))
            got = b""
            if not self.case.tunnel:
                got = await self._answers(client)
                await client.send(LAST)
            got += await client.rest()
        return Outcome(self.log, self.tunnelled, answers(got, self.case.methods))

    async def _answers(self, client: Client) -> bytes:
        """Return what comes until all requests are answered."""
        got = b""
        async with asyncio.timeout(LONG):
            while finals(got, self.case.methods) < len(self.case.replies):
                data = await client.reader.read(65536)
                if not data:
                    raise Nonsense(f"no more than {got!r}")
                got += data
        return got

    async def script(self, talk: Conversation) -> None:
        """Answer what comes on one connection to the backend."""
        if self.case.tunnel:
            return await self._switch(talk)
        at, continued = 0, False
        while await talk.some():
            begin = at
            for one in requests(bytes(talk.seen[begin:])):
                if one.all(b"expect") and not continued:
                    continued = True
                    await talk.say(CONTINUE)
                if one.whole:
                    at = begin + one.end
                    if await self._reply(talk, one):
                        return None
        return None

    async def _reply(self, talk: Conversation, one: Message) -> bool:
        """Answer a request; True when it was the connection's last."""
        self.log.append(one)
        if not self._left:
            await talk.say(fine(one))
            return False
        before = sum(map(len, self.case.replies)) - sum(map(len, self._left))
        reply = self._left.pop(0)
        await send_in_parts(talk, *cut(reply, [place - before for place in self.reply_cuts]))
        return self.case.closes

    async def _switch(self, talk: Conversation) -> None:
        """Answer a request to switch, and hear what comes through the tunnel."""
        self.log += requests(await talk.head())
        head = len(talk.seen)
        await send_in_parts(talk, *cut(self.case.replies[0], self.reply_cuts))
        while len(talk.seen) < head + len(self.case.tunnel):
            await talk.some()
        self.tunnelled = bytes(talk.seen[head:])
        await talk.say(b"bye")


def finals(got: bytes, methods: list[bytes]) -> int:
    """Return how many whole final answers there are."""
    found = answers(got, methods, ended=False)
    return sum(one.whole and one.status >= 200 for one in found)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return bytes in parts."""
    inner = [place for place in places if 0 < place < len(data)]
    return [data[a:b] for a, b in pairwise([0, *inner, len(data)])]


@asynccontextmanager
async def playing(case: Case) -> AsyncIterator[Play]:
    """Run a router and a backend."""
    plays: list[Play] = []

    async def script(talk: Conversation) -> None:
        with suppress(Nonsense):  # the client misses its answer then
            await plays[0].script(talk)

    async with upstream(script) as backend, through(backend.port) as proxy:
        plays.append(Play(proxy, case))
        yield plays[0]


@pytest.mark.parametrize("name", CASES)
async def test_uncut(name: str) -> None:
    """Bodies and trailers of all requests and answers arrive as they were sent."""
    case = CASES[name]
    async with playing(case) as play:
        seen = await play.run()
    wanted = [*prefix(case.request), *([] if case.tunnel else prefix(LAST))]
    assert [(o.body, o.trailers) for o in seen.asked] == [(o.body, o.trailers) for o in wanted]
    assert seen.tunnelled == case.tunnel
    old = b"".join(case.replies).replace(b"HTTP/1.0", b"HTTP/1.1")
    said = answers(old + b"bye" * bool(case.tunnel), case.methods)
    said = [answers(CONTINUE)[0]] * (name == "expect") + said
    got = seen.answered[: len(said)]
    assert [(o.start, o.body, o.trailers) for o in got] == [
        (o.start, o.body, o.trailers) for o in said
    ]


@pytest.mark.parametrize("name", CASES)
async def test_every_cut_of_a_request(name: str) -> None:
    """A request in two segments is the same request."""
    case = CASES[name]
    async with playing(case) as play:
        uncut = await play.run()
        for place in range(1, len(case.sent)):
            assert await play.run([place]) == uncut, (case.sent[:place], case.sent[place:])


@pytest.mark.parametrize("name", CASES)
async def test_every_cut_of_an_answer(name: str) -> None:
    """An answer in two segments is the same answer."""
    case = CASES[name]
    said = b"".join(case.replies)
    async with playing(case) as play:
        uncut = await play.run()
        for place in range(1, len(said)):
            got = await play.run([], [place])
            assert got == uncut, (said[:place], said[place:])


@pytest.mark.parametrize("name", CASES)
async def test_byte_by_byte(name: str) -> None:
    """Nor does it matter when each byte comes by itself, both ways."""
    case = CASES[name]
    async with playing(case) as play:
        uncut = await play.run()
        places = range(1, max(len(case.sent), sum(map(len, case.replies))))
        assert await play.run(places, places) == uncut


async def test_the_parts_do_arrive_one_by_one() -> None:
    """The router reads the first part before the second one is sent, both ways.

    One of this process, for only there it can be seen.
    """
    async with upstream(OK) as backend, alone(backend.port) as proxy, proxy.client() as client:
        wire = Wire(client.writer)
        client.writer.write(GET[:20])
        assert await wire.read()
        talk = Conversation(client.reader, client.writer)
        await send_in_parts(talk, GET[20:])
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        backwards = Wire((await backend.conversation()).writer)
        assert await backwards.read()
