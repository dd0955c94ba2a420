"""Requests to two projects and to the router itself, mixed on one connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import permutations

import pytest
from tests.fakes import backend as make
from tests.wire.proxy.lane.judge import Message, answers, requests
from tests.wire.proxy.lane.notes import Wire, answering, send_in_parts
from tests.wire.proxy.through import LONG, Client, Proxy, through
from tests.wire.proxy.upstream import Upstream, upstream

pytestmark = pytest.mark.usefixtures("quiet")

OWN = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
UNKNOWN = b"GET /x HTTP/1.1\r\nHost: evil.org\r\n\r\n"
ABSENT = b"GET /nowhere/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOVED = b"GET /alpha HTTP/1.1\r\nHost: localhost\r\n\r\n"
WRONG = b"DELETE /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
REFUSED_BODY = b"POST /x HTTP/1.1\r\nHost: evil.org\r\nContent-Length: 5\r\n\r\nGET /"
BAD = b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Two:
    """A router with the projects alpha and beta."""

    proxy: Proxy
    alpha: Upstream
    beta: Upstream

    def asked(self) -> tuple[list[bytes], list[bytes]]:
        """Return the whole requests that each backend saw: first lines and bodies."""
        one, two = (
            [message.start + message.body for message in seen(one)]
            for one in (self.alpha, self.beta)
        )
        return one, two


def seen(backend: Upstream) -> list[Message]:
    """Return all whole requests, connection by connection."""
    talks = (requests(bytes(talk.seen)) for talk in backend.conversations)
    return [message for talk in talks for message in talk if message.whole]


@asynccontextmanager
async def two() -> AsyncIterator[Two]:
    """Run a router and two backends."""
    async with (
        upstream(answering()) as alpha,
        upstream(answering()) as beta,
        through(alpha.port) as proxy,
    ):
        proxy.registry.observe(make("/home/alice/beta", beta.port))
        yield Two(proxy, alpha, beta)


def get(project: str, number: int, *, last: bool = False) -> bytes:
    """Return a request without a body."""
    close = "Connection: close\r\n" if last else ""
    return f"GET /{number} HTTP/1.1\r\nHost: {project}.localhost\r\n{close}\r\n".encode()


def post(project: str, number: int) -> bytes:
    """Return a request with a body that looks like another request."""
    body = f"GET /hidden{number} HTTP/1.1\r\n\r\n"
    head = f"POST /{project}/{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def chunks(project: str, number: int) -> bytes:
    """Return a request with a body in chunks."""
    head = f"PUT /{number} HTTP/1.1\r\nHost: {project}.localhost\r\nTransfer-Encoding: chunked"
    return f"{head}\r\n\r\n3\r\nabc\r\n1;x\r\n{number}\r\n0\r\nX-Tail: y\r\n\r\n".encode()


def said(messages: list[Message]) -> list[bytes]:
    """Return what each answer says: a backend's own words, or the status of the router's."""
    return [one.body if one.body[-8:] == b"HTTP/1.1" else b"%d" % one.status for one in messages]


MIX = [
    *(get("alpha", 1), OWN, post("beta", 2), chunks("alpha", 3), get("beta", 4), OWN, OWN),
    *(chunks("beta", 5), post("alpha", 6), get("alpha", 7), get("alpha", 8), get("beta", 9)),
    *(OWN, get("alpha", 10, last=True)),
]
TOLD = [
    *(b"GET /1 HTTP/1.1", b"200", b"POST /2 HTTP/1.1", b"PUT /3 HTTP/1.1", b"GET /4 HTTP/1.1"),
    *(b"200", b"200", b"PUT /5 HTTP/1.1", b"POST /6 HTTP/1.1", b"GET /7 HTTP/1.1"),
    *(b"GET /8 HTTP/1.1", b"GET /9 HTTP/1.1", b"200", b"GET /10 HTTP/1.1"),
]


def check(told: list[Message], backends: Two) -> None:
    """Check the answers to MIX, and that each backend saw its own requests, each once."""
    assert said(told) == TOLD
    assert all(json.loads(one.body)["healthy"] for one in told if one.body.startswith(b"{"))
    alpha, beta = backends.asked()
    assert sorted(alpha) == sorted(
        [
            *(b"GET /1 HTTP/1.1", b"PUT /3 HTTP/1.1abc3", b"GET /7 HTTP/1.1", b"GET /8 HTTP/1.1"),
            *(b"POST /6 HTTP/1.1GET /hidden6 HTTP/1.1\r\n\r\n", b"GET /10 HTTP/1.1"),
        ]
    )
    assert sorted(beta) == sorted(
        [
            *(b"POST /2 HTTP/1.1GET /hidden2 HTTP/1.1\r\n\r\n", b"GET /4 HTTP/1.1"),
            *(b"PUT /5 HTTP/1.1abc5", b"GET /9 HTTP/1.1"),
        ]
    )


async def test_a_mix_in_one_segment() -> None:
    """Two projects and the API on one connection: answers in order, each from the right one."""
    async with two() as backends:
        check(answers(await backends.proxy.ask(b"".join(MIX))), backends)


@pytest.mark.parametrize("step", [1, 7, 40, 100])
async def test_a_mix_in_segments(step: int) -> None:
    """The same however it is cut."""
    data = b"".join(MIX)
    async with two() as backends, backends.proxy.client() as client:
        await send_in_parts(client, *(data[at : at + step] for at in range(0, len(data), step)))
        check(answers(await client.rest()), backends)


@pytest.mark.parametrize("refused", [UNKNOWN, ABSENT, MOVED, WRONG])
async def test_a_refused_request_among_others(refused: bytes) -> None:
    """What the router answers itself, it answers in its turn; the others are not lost."""
    data = get("alpha", 1) + refused + post("beta", 2) + refused + get("alpha", 3, last=True)
    async with two() as backends:
        told = answers(await backends.proxy.ask(data))
        assert [one.status for one in told[1::2]] == [told[1].status] * 2
        assert told[1].status in {404, 405, 308, 421}
        assert said(told[::2]) == [b"GET /1 HTTP/1.1", b"POST /2 HTTP/1.1", b"GET /3 HTTP/1.1"]


async def test_a_refused_request_with_a_body() -> None:
    """Its body is not taken for the next request, whether or not the connection goes on."""
    data = get("alpha", 1) + REFUSED_BODY + get("beta", 2, last=True)
    async with two() as backends:
        told = answers(await backends.proxy.ask(data))
        assert [one.status for one in told[:2]] == [200, 421]
        assert said(told[2:]) in ([], [b"GET /2 HTTP/1.1"])
        assert backends.asked()[0] == [b"GET /1 HTTP/1.1"]


async def test_a_bad_request_among_others() -> None:
    """Those before it are answered, those after it are lost: nobody knows where they begin."""
    data = get("alpha", 1) + post("beta", 2) + BAD + get("alpha", 3) + get("beta", 4)
    async with two() as backends:
        told = answers(await backends.proxy.ask(data))
        assert [one.status for one in told] == [200, 200, 400]
        alpha, beta = backends.asked()
        assert alpha == [b"GET /1 HTTP/1.1"]
        assert len(beta) == 1


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))), ids=str)
async def test_any_order(order: tuple[int, int, int]) -> None:
    """Answers come in the order of the requests, whoever gives them."""
    kinds = [get("alpha", 1), get("beta", 2), OWN]
    data = b"".join(kinds[one] for one in order) + get("alpha", 3, last=True)
    async with two() as backends:
        told = answers(await backends.proxy.ask(data))
        words = [b"GET /1 HTTP/1.1", b"GET /2 HTTP/1.1", b"200"]
        assert said(told) == [words[one] for one in order] + [b"GET /3 HTTP/1.1"]


async def test_many_at_once() -> None:
    """A thousand requests in one go are all answered, in order."""
    count = 1000
    projects = ["alpha", "beta"]
    data = b"".join(get(projects[n % 2], n) for n in range(count)) + get("alpha", count, last=True)
    async with two() as backends, backends.proxy.client() as client:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(data))
            told = said(answers(await client.rest()))
        assert told == [b"GET /%d HTTP/1.1" % n for n in range(count + 1)]


@pytest.mark.usefixtures("alone")  # workers hear of a change a moment later
async def test_the_same_head_again_and_again() -> None:
    """The same bytes are a new request each time, also when the project has another backend."""
    head = get("alpha", 1)
    async with two() as backends, backends.proxy.client() as client:
        for _ in range(3):
            await ask(client, head)
        assert len(seen(backends.alpha)) == 3
        proxy = backends.proxy
        old = make("/home/alice/alpha", backends.alpha.port)
        proxy.registry.forget(old.listener)
        proxy.registry.observe(make("/home/alice/alpha", backends.beta.port))
        await ask(client, head)
        assert len(seen(backends.alpha)) == 3
        assert len(seen(backends.beta)) == 1


@pytest.mark.parametrize("count", [50, 3000, 6000])
async def test_a_great_many_refusals(count: int) -> None:
    """They are answered all, and so is what comes after them."""
    async with through() as proxy, proxy.client() as client:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(UNKNOWN * count))
            first = await answer(client)
            others = await client.exactly(len(first) * (count - 1))
        assert others.count(b"HTTP/1.1 421 ") == count - 1
        for _ in range(2):
            await client.send(OWN)
            assert (await answer(client)).startswith(b"HTTP/1.1 200 OK\r\n")


async def answer(client: Client) -> bytes:
    """Return the next answer, which has a length."""
    head = await client.head()
    length = int(answers(head, ended=False)[0].all(b"content-length")[0])
    return head + await client.exactly(length)


async def ask(client: Client, request: bytes) -> None:
    """Ask, and read the answer."""
    await client.send(request)
    await answer(client)


async def test_the_next_request_comes_while_the_first_one_is_answered() -> None:
    """It waits for its turn, wherever it is cut."""
    first, second = post("alpha", 1), chunks("beta", 2)
    async with two() as backends:
        for place in range(1, len(second)):
            async with backends.proxy.client() as client:
                wire = Wire(client.writer)
                client.writer.write(first + second[:place])
                await wire.read()
                client.writer.write(second[place:] + get("alpha", 3, last=True))
                async with asyncio.timeout(LONG):
                    told = said(answers(await client.rest()))
                assert told == [b"POST /1 HTTP/1.1", b"PUT /2 HTTP/1.1", b"GET /3 HTTP/1.1"], place
