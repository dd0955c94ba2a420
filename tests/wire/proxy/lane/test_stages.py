"""A backend that ends at each stage of its answer, and a client that ends at each of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.wire.proxy.lane.judge import Message, answers, requests
from tests.wire.proxy.lane.notes import HOST, Wire, fine, gone, turns
from tests.wire.proxy.through import LONG, Client, Proxy, through
from tests.wire.proxy.upstream import OK, Conversation, Upstream, upstream

pytestmark = pytest.mark.usefixtures("quiet")

GET = b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n"
WARM = b"GET /warm HTTP/1.1\r\n" + HOST + b"\r\n"
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

UNANSWERED = {  # what the backend says before it ends: no final answer
    "a letter": b"H",
    "half a version": b"HTTP/1.",
    "half a status": b"HTTP/1.1 20",
    "half a reason": b"HTTP/1.1 200 O",
    "a status line": b"HTTP/1.1 200 OK\r\n",
    "half a field": b"HTTP/1.1 200 OK\r\nContent-Le",
    "all but the end of the head": COUNTED[:-1],
    "an interim answer": HINTS,
    "an interim answer and half a head": HINTS + COUNTED[:-3],
}
CUT_OFF = {  # or one that is not whole
    "a head with a length": COUNTED,
    "half a body": COUNTED + b"1234",
    "all but one octet": COUNTED + b"12345678",
    "a head with chunks": CHUNKED,
    "half a size": CHUNKED + b"1",
    "a size": CHUNKED + b"5\r\n",
    "half an extension": CHUNKED + b"5;a=",
    "half a chunk": CHUNKED + b"5\r\nhe",
    "a chunk without its end": CHUNKED + b"5\r\nhello",
    "half the end of a chunk": CHUNKED + b"5\r\nhello\r",
    "a chunk": CHUNKED + b"5\r\nhello\r\n",
    "the last size": CHUNKED + b"5\r\nhello\r\n0\r\n",
    "half a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y",
    "a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n",
    "the last CR": CHUNKED + b"5\r\nhello\r\n0\r\n\r",
    "an interim answer and a half one": HINTS + COUNTED + b"1",
}
WHOLE = {
    "nothing of it": OK,
    "chunks": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an interim answer": HINTS + OK,
}


@dataclass
class Ending:
    """A backend that ends when it has answered ``/x`` with ``said``; all else is ``fine``."""

    said: bytes
    reset: bool
    times: int = 1  # so often; later ones are fine
    asked: list[Message] = field(default_factory=list)

    async def script(self, talk: Conversation) -> None:
        """Answer what comes on one connection."""
        at = 0
        while await talk.some():
            begin = at
            for one in requests(bytes(talk.seen[begin:])):
                if not one.whole:
                    continue
                at = begin + one.end
                if one.start.endswith(b" /x HTTP/1.1"):
                    self.asked.append(one)
                    if len(self.asked) <= self.times:
                        return await self._end(talk)
                await talk.say(fine(one))
        return None

    async def _end(self, talk: Conversation) -> None:
        await talk.say(self.said)
        await Wire(talk.writer).read()
        if self.reset:
            talk.reset()


@dataclass(frozen=True, slots=True)
class Stage:
    """A router, its backend, and a client."""

    proxy: Proxy
    backend: Upstream
    client: Client

    async def warm(self) -> None:
        """Have a connection to the backend kept."""
        await self.client.send(WARM)
        await self.client.head()
        await self.client.exactly(len(b"GET /warm HTTP/1.1"))

    async def ask(self, request: bytes = GET) -> list[Message]:
        """Return all answers to a request until the end of the connection, or of the answer."""
        await self.client.send(request)
        got = b""
        async with asyncio.timeout(LONG):
            while data := await self.client.reader.read(65536):
                got += data
                found = answers(got, ended=False)
                if found[-1].whole and found[-1].status >= 200:
                    break
        return answers(got)


@asynccontextmanager
async def stage(ending: Ending, *, used: bool) -> AsyncIterator[Stage]:
    """Run a router, and a backend that ends; over a connection that was ``used`` before."""
    async with (
        upstream(ending.script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        result = Stage(proxy, backend, client)
        if used:
            await result.warm()
        yield result


ways = pytest.mark.parametrize(("used", "reset"), [(a, b) for a in (0, 1) for b in (0, 1)])


@ways
async def test_nothing_is_said(used: int, reset: int) -> None:
    """A safe request that a kept connection swallowed is asked again, once; else it is 502."""
    ending = Ending(b"", bool(reset))
    async with stage(ending, used=bool(used)) as here:
        assert (await here.ask())[-1].status == (200 if used else 502)
        assert len(ending.asked) == 1 + used
        assert len(here.backend.conversations) == 1 + used


@pytest.mark.parametrize("name", UNANSWERED)
@ways
async def test_no_final_answer(name: str, used: int, reset: int) -> None:
    """Where something has come back nothing is asked again: 502."""
    ending = Ending(UNANSWERED[name], bool(reset))
    async with stage(ending, used=bool(used)) as here:
        told = await here.ask()
        assert told[-1].status == 502
        assert [one.status for one in told[:-1]] == [103] * UNANSWERED[name].count(b" 103 ")
        assert len(ending.asked) == 1
        again = await here.ask(WARM)
        assert again[-1].body == b"GET /warm HTTP/1.1"


@pytest.mark.parametrize("name", CUT_OFF)
@ways
async def test_half_an_answer(name: str, used: int, reset: int) -> None:
    """What came arrives, its end does not; nothing is asked again."""
    ending = Ending(CUT_OFF[name], bool(reset))
    wanted = answers(CUT_OFF[name])[-1]
    async with stage(ending, used=bool(used)) as here:
        last = (await here.ask())[-1]
        assert (last.status, last.whole) == (200, False)
        assert last.body == wanted.body
        assert len(ending.asked) == 1
        assert await here.client.rest() == b""


@pytest.mark.parametrize("name", WHOLE)
@ways
async def test_after_the_answer(name: str, used: int, reset: int) -> None:
    """An end after the end is no failure; the next request goes over another connection."""
    ending = Ending(WHOLE[name], bool(reset))
    async with stage(ending, used=bool(used)) as here:
        last = (await here.ask())[-1]
        wanted = answers(WHOLE[name])[-1]
        assert (last.start, last.body, last.whole) == (wanted.start, wanted.body, True)
        await gone(await here.backend.conversation())
        await turns(20)
        assert (await here.ask(WARM))[-1].body == b"GET /warm HTTP/1.1"
        assert (len(ending.asked), len(here.backend.conversations)) == (1, 2)


@ways
async def test_a_body_that_ends_with_the_connection(used: int, reset: int) -> None:
    """It is whole where the connection ends, and cut off where it is reset."""
    ending = Ending(b"HTTP/1.1 200 OK\r\n\r\nhello", bool(reset))
    async with stage(ending, used=bool(used)) as here:
        last = (await here.ask())[-1]
        assert (last.body, last.whole) == (b"hello", not reset)


async def test_only_once() -> None:
    """A request that two connections swallowed is 502, however many others are kept."""
    ending = Ending(b"", reset=False, times=99)
    async with stage(ending, used=False) as here:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(here.proxy.ask(WARM.replace(b"\r\n\r\n", b"\r\n") + CLOSE))
        kept = len(here.backend.conversations)
        assert (await here.ask())[-1].status == 502
        assert len(ending.asked) == 2
        assert len(here.backend.conversations) == kept + 1


CLOSE = b"Connection: close\r\n\r\n"


@pytest.mark.parametrize("reset", [0, 1])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PROPFIND"])
async def test_not_twice(method: str, reset: int) -> None:
    """What may not be done twice, or has a body, is not sent over a kept connection, nor again."""
    start = f"{method} /x HTTP/1.1\r\n".encode() + HOST
    for framed in (b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        ending = Ending(b"", bool(reset))
        async with stage(ending, used=True) as here:
            assert (await here.ask(start + framed))[-1].status == 502
            assert len(ending.asked) == 1
            assert len(here.backend.conversations) == 2
