"""HTTPS: what a client gets, and what one does who speaks it badly, or not at all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.wire.proxy.secured import Pair, make_pair, secured
from tests.wire.proxy.through import LONG, split
from tests.wire.proxy.upstream import OK, Conversation

from opencoderouter.proxy import tls
from opencoderouter.proxy.lane import lane
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.tls import TlsError, context

pytestmark = pytest.mark.usefixtures("quiet")
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PIECE = bytes(65536)
PIECES = 1024  # more than all buffers on the way have room for


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return certificate and key."""
    return make_pair(tmp_path_factory.mktemp("pair"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_requests(pair: Pair, version: ssl.TLSVersion) -> None:
    """They are answered in HTTP/1.1, on a connection that stays."""
    trusted = pair.trusted()
    trusted.maximum_version = version
    async with secured(pair=pair) as router, router.client(trusted) as client:
        connection = client.writer.get_extra_info("ssl_object")
        assert connection.version() == version.name.replace("_", ".")
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert connection.compression() is None
        for _ in range(3):
            await client.send(router.head("/"))
            assert (await client.head()).startswith(b"HTTP/1.1 200")
            assert await client.exactly(2) == b"ok"


def test_old_versions_are_refused(pair: Pair) -> None:
    """TLS 1.2 will do, nothing older; nobody may renegotiate."""
    server = context(pair.cert, pair.key)
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert server.options & ssl.OP_NO_RENEGOTIATION


async def test_an_upload(pair: Pair) -> None:
    """A chunked body of some megabytes arrives as it was sent."""

    async def take(talk: Conversation) -> None:
        await talk.head()
        while not talk.seen.endswith(b"\r\n0\r\n\r\n"):
            await talk.some()
        await talk.say(OK)

    async with secured(take, pair=pair) as router, router.client() as client:
        await client.send(router.head("/", "Transfer-Encoding: chunked", method="POST"))
        for _ in range(64):
            await client.send(b"10000\r\n" + PIECE + b"\r\n")
        await client.send(b"0\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        assert router.backend.seen.count(b"\0") == 64 * len(PIECE)


@pytest.mark.parametrize("who", ["client", "backend"])
async def test_a_tunnel(pair: Pair, who: str) -> None:
    """A WebSocket goes both ways; whoever ends it, the other one hears of it."""

    async def switch(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH)
        assert await talk.exactly(4) == b"ping"
        await talk.say(b"pong")
        if who == "backend":
            talk.writer.write_eof()
        await talk.to_end()

    async with secured(switch, pair=pair) as router:
        async with router.client() as client:
            await client.send(router.head("/pty", *UPGRADE))
            assert b" 101 " in await client.head()
            await client.send(b"ping")
            assert await client.exactly(4) == b"pong"
            if who == "backend":
                assert await client.rest() == b""
        await router.left()


async def test_an_event_stream(pair: Pair) -> None:
    """Events arrive one by one; when the client has gone the backend hears of it."""
    step = asyncio.Event()

    async def stream(talk: Conversation) -> None:
        await talk.head()
        await talk.say(STREAM)
        for number in range(3):
            await talk.say(b"data: %d\n\n" % number)
            await step.wait()
            step.clear()
        await talk.to_end()

    async with secured(stream, pair=pair) as router:
        async with router.client() as client:
            await client.send(router.head("/event"))
            await client.head()
            for number in range(3):
                assert b"data: %d\n" % number in await client.reader.readuntil(b"\n\n")
                step.set()
        await router.left()


async def test_the_end_of_an_answer_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends with the connection ends at once, not when the router has waited for more."""
    monkeypatch.setattr(lane, "LINGER", 1000.0)

    async def until_closed(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with secured(until_closed, pair=pair) as router, router.client() as client:
        head = router.head("/", "Connection: keep-alive")
        await client.send(head.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert (await client.rest()).endswith(b"\r\n\r\nall of it")


async def test_an_answer_that_is_cut_off(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client hears at once that no more of it comes."""
    monkeypatch.setattr(lane, "LINGER", 1000.0)

    async def cut(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await talk.some()
        talk.reset()

    async with secured(cut, pair=pair) as router, router.client() as client:
        await client.send(router.head("/", "Content-Length: 1", method="POST"))
        await client.head()
        assert await client.exactly(4) == b"half"
        await client.send(b"x")
        assert await client.rest() == b""


async def test_an_endless_answer_that_is_cut_off(pair: Pair) -> None:
    """It cannot be taken for a whole one by a client to which its end is that of the connection."""

    async def cut(talk: Conversation) -> None:
        await talk.head()
        chunks = b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
        await talk.say(b"HTTP/1.1 200 OK\r\n" + chunks)
        await talk.some()
        talk.reset()

    async with secured(cut, pair=pair) as router, router.client() as client:
        head = router.head("/", "Content-Length: 1", method="POST")
        await client.send(head.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        await client.head()
        assert await client.exactly(4) == b"half"
        await client.send(b"x")
        with pytest.raises(ConnectionError):
            await client.rest()


async def test_who_says_goodbye_is_gone(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """There is no half-close: the backend is not kept busy for a client that has finished."""

    async def pour(talk: Conversation) -> None:
        await talk.head()
        await talk.say(STREAM)
        while True:
            await talk.say(b"data: 2\n\n")

    async with secured(pour, pair=pair) as router, router.client() as client:
        await client.send(router.head("/"))
        await client.head()
        client.writer.close()
        await router.left()
    assert [one for one in caplog.messages if "eof_received" in one or "SSL" in one] == []


async def test_a_slow_reader(pair: Pair) -> None:
    """Who does not read makes the backend wait; when he reads he gets every octet."""
    said: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def pour(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
        said.set_result(await _flood(talk.say))
        await talk.writer.drain()
        for _ in range(PIECES - said.result()):
            await talk.say(PIECE)

    async with secured(pour, pair=pair) as router, router.client() as client:
        await client.send(router.head("/"))
        await client.head()
        assert await said < PIECES // 4
        for _ in range(PIECES):
            assert await client.exactly(len(PIECE)) == PIECE


async def _flood(say: Callable[[bytes], Awaitable[None]]) -> int:
    """Say as many pieces as are taken; return how many, with that which was not."""
    for number in range(PIECES):
        try:
            async with asyncio.timeout(1):
                await say(PIECE)
        except TimeoutError:
            return number + 1
    return PIECES


async def test_a_slow_backend(pair: Pair) -> None:
    """Who does not read makes the client wait; when he reads he gets every octet."""
    go, got = asyncio.Event(), 0

    async def take(talk: Conversation) -> None:
        nonlocal got
        await talk.head()
        await go.wait()
        while got < len(PIECE) * PIECES:
            got += len(await talk.reader.read(1 << 20))
        await talk.say(OK)

    async with secured(take, pair=pair) as router, router.client() as client:
        length = f"Content-Length: {len(PIECE) * PIECES}"
        await client.send(router.head("/", length, method="POST"))
        sent = await _flood(client.send)
        assert sent < PIECES // 4
        go.set()
        await client.writer.drain()
        for _ in range(PIECES - sent):
            await client.send(PIECE)
        assert (await client.head()).startswith(b"HTTP/1.1 200")


async def test_a_refusal_reaches_who_still_sends(pair: Pair) -> None:
    """Somebody whose upload nobody wants gets to read why."""
    async with secured(pair=pair) as router, router.client() as client:
        head = router.head("/", "Content-Length: 1000000", method="POST")
        await client.send(head.replace(b"alpha", b"nobody"))
        for _ in range(10):
            await client.send(b"x" * 1000)
        start, _, _ = split(await client.rest())
        assert start.split()[1][:1] == b"4"


async def test_plain_http_is_told_where_to_go(pair: Pair) -> None:
    """Who speaks plain HTTP to this port reads that it wants HTTPS."""
    async with secured(pair=pair) as router, router.plain() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        start, _, body = split(await client.rest())
        assert start == b"HTTP/1.1 400 Bad Request"
        assert b"https://" in body


@pytest.mark.parametrize(
    "greeting", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
)
async def test_who_does_not_greet_is_not_waited_for(pair: Pair, greeting: bytes) -> None:
    """A handshake that does not come to its end is ended by the router."""
    limits = Limits(header_timeout=0.2)
    async with secured(pair=pair, limits=limits) as router, router.plain() as client:
        await client.send(greeting)
        assert await client.rest() == b""


@pytest.mark.parametrize("greeting", [b"", b"\x16\x03\x01", b"\xff" * 100])
async def test_who_vanishes_troubles_nobody(pair: Pair, greeting: bytes) -> None:
    """Clients that greet badly and go leave nothing behind; others are served."""
    async with secured(pair=pair) as router:
        for _ in range(20):
            async with router.plain() as client:
                await client.send(greeting)
        assert await router.serves()


async def test_the_idle_cannot_keep_others_out(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many do not come to the point, who has waited longest has to go."""
    monkeypatch.setattr(tls, "_MOST", 2)
    limits = Limits(header_timeout=1000.0)
    async with (
        secured(pair=pair, limits=limits) as router,
        router.plain() as one,
        router.plain(),
        router.plain(),
    ):
        assert await router.serves()
        assert await one.rest() == b""


async def test_one_address_has_a_limit(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many connections of a client elsewhere may greet at once; when one ends, another may."""
    monkeypatch.setattr(tls, "is_loopback", lambda _: False)
    limits = Limits(header_timeout=1000.0, unauthenticated=2)
    async with secured(pair=pair, limits=limits) as router:
        async with router.plain(), router.plain():
            assert not await router.serves()
        async with asyncio.timeout(LONG):
            while not await router.serves():
                pass
        async with router.plain():
            assert await router.serves()


async def test_this_machine_has_no_such_limit(pair: Pair) -> None:
    """Loopback is anybody's here: who shows later that he may come in is not kept out."""
    limits = Limits(header_timeout=1000.0, unauthenticated=2)
    async with secured(pair=pair, limits=limits) as router, AsyncExitStack() as idle:
        for _ in range(5):
            await idle.enter_async_context(router.plain())
        async with router.client():
            pass


async def test_who_is_greeting_when_nobody_is_let_in_any_more(pair: Pair) -> None:
    """A handshake that has begun may end well; one that stalls is not waited for."""
    async with AsyncExitStack() as clients:
        async with secured(pair=pair, limits=Limits(header_timeout=1000.0)) as router:
            idle = await clients.enter_async_context(router.plain())
            assert await router.serves()  # whoever came before has been accepted
        assert await idle.rest() == b""


async def test_a_new_certificate_is_taken_up(pair: Pair, tmp_path: Path) -> None:
    """Who connects after both files have changed gets it; until then the old one is good."""
    mine, new = Pair(tmp_path / "cert", tmp_path / "key"), make_pair(tmp_path, "new")
    mine.cert.write_bytes(pair.cert.read_bytes())
    mine.key.write_bytes(pair.key.read_bytes())
    async with secured(pair=mine) as router, router.client() as before:
        new.cert.rename(mine.cert)
        assert await router.serves(pair.trusted())
        new.key.rename(mine.key)
        assert await router.serves(mine.trusted())
        assert not await router.serves(pair.trusted())
        mine.key.unlink()
        assert await router.serves(mine.trusted())
        await before.send(router.head("/", "Connection: close"))
        assert (await before.rest()).endswith(b"ok")


def test_what_cannot_be_used_is_told(pair: Pair, tmp_path: Path) -> None:
    """The message names the file and says what is wrong; nobody is asked for a password."""
    other, hidden = make_pair(tmp_path, "other"), make_pair(tmp_path, "hidden", password="secret")
    nowhere, broken = tmp_path / "nowhere", tmp_path / "broken"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    cases = [
        (nowhere, pair.key, f"{nowhere}: No such file or directory"),
        (pair.cert, nowhere, f"{nowhere}: No such file or directory"),
        (tmp_path, pair.key, f"{tmp_path}: Is a directory"),
        (pair.key, pair.key, f"{pair.key}: there is no certificate in it"),
        (pair.cert, pair.cert, f"{pair.cert}: there is no private key in it"),
        (pair.cert, other.key, f"{other.key}: this is not the key of {pair.cert}"),
        (hidden.cert, hidden.key, f"{hidden.key}: this key needs a password"),
        (broken, pair.key, f"{broken}, {pair.key}: cannot be used ("),
    ]
    for cert, key, message in cases:
        with pytest.raises(TlsError) as failure:
            context(cert, key)
        assert str(failure.value).startswith(message)


def test_a_key_that_everybody_can_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is used, with a warning that names the file; one that is private needs none."""
    pair = make_pair(tmp_path)
    pair.key.chmod(0o640)
    context(pair.cert, pair.key)
    assert caplog.messages == []
    pair.key.chmod(0o644)
    context(pair.cert, pair.key)
    (message,) = caplog.messages
    assert message.endswith(f"file={pair.key}")
