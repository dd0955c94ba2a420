"""How long a client is waited for: its head, its next request, its reading, its end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from tests.wire.proxy.lane.alone import Alone, alone
from tests.wire.proxy.through import LONG, Client, split, value
from tests.wire.proxy.upstream import Conversation, upstream

from opencoderouter.proxy.lane.limits import Limits

pytestmark = pytest.mark.usefixtures("quiet")

SOON = 0.1  # seconds
HEAD_SOON = Limits(header_timeout=SOON, keepalive_timeout=1000)
BOTH_SOON = Limits(header_timeout=SOON, keepalive_timeout=SOON)
GET = b"GET / HTTP/1.1\r\nHost: alpha.localhost\r\n"
POST = GET.replace(b"GET", b"POST") + b"Content-Length: 3\r\n\r\n"
OWN = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED = b"GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n"
FOREIGN = b"POST / HTTP/1.1\r\nHost: evil.org\r\nContent-Length: 9\r\n\r\n"


async def answered(client: Client) -> bytes:
    """Return the next answer, which has a length."""
    head = await client.head()
    return head + await client.exactly(int(value(split(head)[1], b"content-length")[0]))


async def has_waited(proxy: Alone) -> None:
    """Let as much time pass as is given to somebody idle: he is closed."""
    async with proxy.client() as idle:
        assert await idle.rest() == b""


@pytest.mark.parametrize("begun", [b"G", GET, b"\r\nGET", OWN + b"POST / HTTP/1.1\r\n"])
async def test_a_head_that_does_not_come(begun: bytes) -> None:
    """Who begins with a head and does not finish it is told so in time, and nobody is asked."""
    async with upstream() as backend, alone(backend.port, limits=HEAD_SOON) as proxy:
        async with proxy.client() as client:
            await client.send(begun)
            if begun.startswith(OWN):
                await answered(client)
            start, fields, body = split(await client.rest())
        assert start == b"HTTP/1.1 408 Request Timeout"
        assert value(fields, b"connection") == [b"close"]
        assert json.loads(body)["error"] == "request_timeout"
        assert proxy.lane.stats.errors == {"request_timeout": 1}
        assert not backend.conversations


async def test_a_head_that_comes_drop_by_drop() -> None:
    """It is the whole head that has to come in time: a new line now and then does not help."""
    async with alone(limits=HEAD_SOON) as proxy, proxy.client() as client:
        client.writer.write(GET)

        async def drip() -> None:
            while True:
                client.writer.write(b"X: y\r\n")
                await asyncio.sleep(SOON / 10)

        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip(), name="drip")
            assert (await client.head()).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()


@pytest.mark.parametrize("asked", [b"", b"\r\n", OWN, GET + b"\r\n"])
async def test_an_idle_connection(asked: bytes) -> None:
    """It is closed in time without a word, used or not."""
    async with upstream() as backend, alone(backend.port, limits=BOTH_SOON) as proxy:
        async with proxy.client() as client:
            await client.send(asked)
            if asked.startswith(b"GET"):
                await answered(client)
            assert await client.rest() == b""
        assert proxy.lane.stats.errors == {}


async def test_empty_lines_win_no_time() -> None:
    """Who sends nothing but line ends, octet by octet, is idle, or late."""
    async with alone(limits=BOTH_SOON) as proxy, proxy.client() as client:

        async def drip() -> None:
            while True:
                for octet in (b"\r", b"\n"):
                    client.writer.write(octet)
                    await asyncio.sleep(SOON / 4)

        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip(), name="drip")
            assert (await client.rest())[:13] in {b"", b"HTTP/1.1 408 "}
            dripping.cancel()


@pytest.mark.parametrize("asked", [OWN, GET + b"\r\n", REFUSED])
async def test_any_answer_is_a_sign_of_life(asked: bytes) -> None:
    """The time of an idle connection begins anew with each request, also with a refused one."""

    def longest() -> list[int]:
        return [one.transport.get_extra_info("peername")[1] for one in proxy.lane.idle]

    async with (
        upstream() as backend,
        alone(backend.port) as proxy,
        proxy.client() as first,
        proxy.client() as second,
    ):
        one, two = (c.writer.get_extra_info("sockname")[1] for c in (first, second))
        for client in (first, second):
            await client.send(OWN)
            await answered(client)
        assert longest() == [one, two]
        await first.send(asked)
        await answered(first)
        assert longest() == [two, one]


async def test_a_connection_in_use_is_not_idle() -> None:
    """Bodies and answers may take their time; afterwards the connection is idle again."""
    go, got = asyncio.Event(), asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await go.wait()
        await talk.say(STREAM)
        await talk.exactly(3)
        got.set()
        go.clear()
        await go.wait()
        await talk.say(b"1\r\na\r\n0\r\n\r\n")
        await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=BOTH_SOON) as proxy,
        proxy.client() as client,
    ):
        await client.send(POST)
        await has_waited(proxy)
        go.set()
        await client.head()
        await has_waited(proxy)
        await client.send(b"abc")
        await got.wait()
        await has_waited(proxy)
        go.set()
        assert await client.rest() == b"1\r\na\r\n0\r\n\r\n"


# Clients that have finished sending


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait not long for those who have finished, nor for those who still send."""
    monkeypatch.setattr("opencoderouter.proxy.lane.lane.HALF", SOON)
    monkeypatch.setattr("opencoderouter.proxy.lane.lane.LINGER", SOON)


@pytest.mark.usefixtures("soon")
async def test_who_has_finished_gets_an_answer_that_comes_soon() -> None:
    """The end of what a client sends is not the end of what it reads."""
    async with upstream() as backend, alone(backend.port, limits=BOTH_SOON) as proxy:
        for request in (GET + b"\r\n", POST + b"abc", OWN):
            async with proxy.client() as client:
                await client.send(request)
                client.writer.write_eof()
                assert (await client.rest()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.usefixtures("soon")
async def test_who_has_finished_is_taken_for_gone_when_nothing_comes() -> None:
    """Only by writing could it be told from a client that is no more: its backend goes free."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=BOTH_SOON) as proxy,
        proxy.client() as client,
    ):
        await client.send(GET + b"\r\n")
        talk = await backend.conversation()
        client.writer.write_eof()
        with suppress(ConnectionError):
            assert await client.rest() == b""
        async with asyncio.timeout(LONG):
            await talk.gone.wait()


@pytest.mark.usefixtures("soon")
async def test_who_has_finished_gets_all_of_an_answer_that_goes_on() -> None:
    """As long as something comes, again and again, nobody gives up."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(STREAM)
        while True:
            await go.wait()
            go.clear()
            await talk.say(b"1\r\na\r\n")

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=BOTH_SOON) as proxy,
        proxy.client() as client,
    ):
        await client.send(GET + b"\r\n")
        client.writer.write_eof()
        await client.head()
        end = asyncio.get_running_loop().time() + 5 * SOON
        while asyncio.get_running_loop().time() < end:
            go.set()
            assert await client.exactly(6) == b"1\r\na\r\n"
        with suppress(ConnectionError):
            assert await client.rest() == b""


# Clients that still send when they have their last answer


async def sends_on(client: Client) -> int:
    """Send until nobody takes it; return how much was sent."""
    sent = 0
    with suppress(ConnectionError):
        while True:
            await client.send(b"x" * 1000)
            sent += 1000
            await asyncio.sleep(SOON / 100)
    return sent


@pytest.mark.usefixtures("soon")
async def test_who_sends_on_can_read_why_nobody_listens() -> None:
    """What it sends is read for a while, thrown away, and then no more."""
    async with alone(limits=BOTH_SOON) as proxy, proxy.client() as client:
        await client.send(FOREIGN)
        async with asyncio.timeout(LONG):
            assert await sends_on(client) > 1000
        with suppress(ConnectionError):
            assert (await client.rest()).startswith(b"HTTP/1.1 421 ")


@pytest.mark.usefixtures("soon")
async def test_only_so_many_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are enough of them, one more is closed at once."""
    monkeypatch.setattr("opencoderouter.proxy.lane.lane.LINGER", 1000)
    monkeypatch.setattr("opencoderouter.proxy.lane.lane._LINGERING", 1)
    async with (
        alone(limits=HEAD_SOON) as proxy,
        proxy.client() as first,
        proxy.client() as second,
    ):
        for client in (first, second):
            await client.send(FOREIGN)
            assert (await client.head()).startswith(b"HTTP/1.1 421 ")
            await client.rest()
        assert (len(proxy.lane.lingering), proxy.lane.stats.connections) == (1, 1)
        async with asyncio.timeout(LONG):
            await sends_on(second)


@pytest.mark.usefixtures("soon")
async def test_who_reads_slowly_gets_the_whole_last_answer() -> None:
    """Lingering ends when all is written, and not before, though it still sends something."""
    size = 32 << 20

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=BOTH_SOON) as proxy,
        proxy.client() as client,
    ):
        await client.send(POST)
        await client.head()
        left = size
        while left > 12 << 20:  # until the rest of it waits in the router
            left -= len(await client.exactly(1 << 20))
        for _ in range(3):
            await has_waited(proxy)
        await client.send(b"ab")
        assert len(await client.exactly(left)) == left
        assert await client.rest() == b""
