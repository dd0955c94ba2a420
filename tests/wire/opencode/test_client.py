"""The client against servers that are OpenCode, that are not, and that are nasty."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain, repeat

import pytest
from tests.fakes import SECURE_AREA, Asked, Reply, Server, as_json, http, opencode, serving
from tests.rig.ports import free_port

from opencoderouter.core.basic import basic
from opencoderouter.core.model import Identity, Kind, Listener, Sessions
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.opencode.client import Client

APP = Healthy(Identity("/srv/app", "1.18.33"))
PATIENT = 20.0  # seconds; nothing here takes so long unless it hangs
HASTY = 0.2


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Return a client that waits for long."""
    async with Client(timeout=PATIENT) as client:
        yield client


@pytest.fixture
async def hasty() -> AsyncIterator[Client]:
    """Return a client that gives up soon."""
    async with Client(timeout=HASTY) as client:
        yield client


def at(server: Server) -> Listener:
    """Return where a fake listens."""
    return Listener("127.0.0.1", server.port, inode=1, kind=Kind.SERVE)


HEALTHY = as_json({"healthy": True, "version": "1.18.33"})


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(opencode("/srv/app"), APP, id="opencode"),
        pytest.param(
            opencode("/", path=as_json({"data": {"message": "no }"}}, 400)),
            Broken("1.18.33", "no }"),
            id="broken configuration",
        ),
        pytest.param(lambda _: http(200, "<html>", content_type="text/html"), Foreign(), id="page"),
        pytest.param(lambda _: http(404, "{}"), Foreign(), id="not found"),
        pytest.param(lambda _: http(401, "", www_authenticate=SECURE_AREA), Locked(), id="locked"),
        pytest.param(
            lambda _: http(401, "", www_authenticate='Basic realm="x"'), Foreign(), id="other realm"
        ),
        pytest.param(lambda _: b"SSH-2.0-OpenSSH_9.2\r\n", Foreign(), id="ssh"),
        pytest.param(lambda _: b"\x15\x03\x01\x00\x02\x02\x16", Foreign(), id="tls"),
        pytest.param(lambda _: bytes(range(256)) * 300, Foreign(), id="noise"),
        pytest.param(lambda _: b"HTTP/1.1 200 OK\r\nA: " + b"a" * 99999, Foreign(), id="long line"),
        pytest.param(
            lambda _: http(
                200, b"\x1f\x8b", content_type="application/json", content_encoding="gzip"
            ),
            Foreign(),
            id="gzip that was not asked for",
        ),
        pytest.param(
            opencode("/", path=http(200, " " * (2 << 20))), Foreign(), id="more than a path"
        ),
        pytest.param(lambda _: b"", Silent(), id="closed without a word"),
        pytest.param(lambda _: HEALTHY[:-3], Silent(), id="closed in the middle"),
    ],
)
async def test_identify(client: Client, reply: Reply, answer: Answer) -> None:
    """Every server is told for what it is; none makes the client raise."""
    async with serving(reply) as server:
        assert await client.identify(at(server)) == answer


async def test_identify_asks_two_questions(client: Client) -> None:
    """Health, which touches no project, then the path; as nobody in particular."""
    async with serving(opencode("/srv/app")) as server:
        await client.identify(at(server))
        assert list(dict.fromkeys(server.lines)) == ["GET /global/health", "GET /path"]
        assert not {"authorization", "cookie"} & server.asked[0].headers.keys()
        assert server.asked[0].headers["accept-encoding"] == "identity"


async def test_nobody_listens(client: Client) -> None:
    """A refused connection is silence, at once."""
    assert await client.identify(Listener("127.0.0.1", free_port())) == Silent()


async def test_ipv6(client: Client) -> None:
    """A server on ::1, or on every address, is reached where it is."""
    async with serving(opencode("/srv/app"), host="::1") as server:
        assert await client.identify(Listener("::1", server.port)) == APP
        assert await client.identify(Listener("::", server.port)) == APP
        assert await client.identify(at(server)) == Silent()


async def test_silent_while_starting(client: Client) -> None:
    """Connections that hang are overtaken by new ones, and closed."""
    async with serving(opencode("/srv/app"), silent=3) as server:
        assert await client.identify(at(server)) == APP
        assert server.lines[:4] == ["GET /global/health"] * 4
        assert server.lines[-1] == "GET /path"
        async with asyncio.timeout(PATIENT):
            await server.idle.wait()


async def test_silent(hasty: Client) -> None:
    """Who never answers is given up, and all connections to it are closed."""
    async with serving(lambda _: None) as server:
        assert await hasty.identify(at(server)) == Silent()
        assert await hasty.health(at(server)) == Silent()
        assert await hasty.sessions(at(server), "/srv/50% app") is None
        assert 1 < server.connections <= 20
        async with asyncio.timeout(PATIENT):
            await server.idle.wait()


@asynccontextmanager
async def sending(
    pieces: Callable[[], Iterable[bytes]], *, every: float
) -> AsyncIterator[Listener]:
    """Send pieces, so many seconds after each other, to whoever connects."""

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for piece in pieces():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(every)
        except OSError:
            pass  # the client had enough
        finally:
            writer.close()

    async with await asyncio.start_server(send, "127.0.0.1", 0) as server:
        yield Listener("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_drips(hasty: Client) -> None:
    """A time limit is for the whole answer: one that comes byte by byte is silence."""
    drops = [HEALTHY[at : at + 1] for at in range(len(HEALTHY))]
    async with sending(lambda: drops, every=HASTY / 20) as listener:
        assert await hasty.identify(listener) == Silent()


async def test_endless(client: Client) -> None:
    """A body that has no end is not read to it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    flood = b" " * 65536
    async with sending(lambda: chain([head], repeat(flood)), every=0) as listener:
        assert await client.identify(listener) == Foreign()


async def test_endless_promises(hasty: Client) -> None:
    """Interim answers without end are no answer: the time limit is for these, too."""
    flood = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99
    async with sending(lambda: repeat(flood), every=0) as listener:
        async with asyncio.timeout(PATIENT):
            assert await hasty.identify(listener) == Silent()


async def test_path_never_answered(hasty: Client) -> None:
    """Good health alone is not enough: without a directory there is no answer."""
    async with serving(opencode("/srv/app", path=None)) as server:
        assert await hasty.identify(at(server)) == Silent()


async def test_redirect_is_not_followed(client: Client) -> None:
    """A listener is asked, nobody else, wherever it points."""
    async with serving(opencode("/srv/app")) as other:
        where = f"http://127.0.0.1:{other.port}/global/health"
        async with serving(lambda _: http(302, "", location=where)) as server:
            assert await client.identify(at(server)) == Foreign()
        assert other.connections == 0


async def test_no_cookies_and_no_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a server wants remembered nor the environment changes a question."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    cookie = http(200, "{}", content_type="application/json", set_cookie="a=b; Path=/")
    async with serving(lambda _: cookie) as server:
        await client.health(at(server))
        await client.health(at(server))
        assert "cookie" not in server.asked[1].headers


def locked(user: str, password: str) -> Reply:
    """Be OpenCode with a password."""
    token = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    inside = opencode("/srv/app")

    def reply(asked: Asked) -> bytes | None:
        if asked.headers.get("authorization") == token:
            return inside(asked)
        return http(401, "", www_authenticate=SECURE_AREA)

    return reply


async def test_known_password() -> None:
    """A password unlocks, and is shown only to who asks for it as OpenCode does."""
    async with Client(timeout=PATIENT, password="pä:ss") as client:
        async with serving(locked("opencode", "pä:ss")) as server:
            assert await client.identify(at(server)) == APP
            assert await client.sessions(at(server), "/srv/50% app") == Sessions(0, 0)
        async with serving(opencode("/srv/app")) as server:
            await client.identify(at(server))
            assert all("authorization" not in asked.headers for asked in server.asked)


async def test_password_is_for_opencode() -> None:
    """Who is not known to be an OpenCode process gets no password, however it asks."""
    async with (
        Client(timeout=PATIENT, password="secret") as client,
        serving(locked("opencode", "secret")) as server,
    ):
        # An unknown socket is another machine's, or the kernel cannot be asked.
        for who in (replace(at(server), kind=Kind.OTHER), replace(at(server), inode=None)):
            assert await client.identify(who) == Locked()
            assert not await client.dispose(who)
        assert all("authorization" not in asked.headers for asked in server.asked)


async def test_a_listeners_own_credentials() -> None:
    """They are sent at once, to whatever kind, and nothing else is tried after them."""
    async with (
        Client(timeout=PATIENT, password="of the environment") as client,
        serving(locked("opencode", "own")) as server,
    ):
        own = replace(at(server), authorization=basic("opencode", "own"))
        for who in (own, replace(own, kind=Kind.OTHER)):
            assert await client.identify(who) == APP
            assert await client.sessions(who, "/srv/app") == Sessions(0, 0)
        assert all("authorization" in asked.headers for asked in server.asked)
        asked = len(server.asked)
        assert await client.health(replace(own, authorization="Basic bm86")) == Locked()
        assert len(server.asked) == asked + 1


async def test_wrong_password() -> None:
    """A password that does not fit leaves the server locked."""
    async with (
        Client(timeout=PATIENT, password="no", username="bob") as client,
        serving(locked("bob", "yes")) as server,
    ):
        assert await client.identify(at(server)) == Locked()
        assert await client.busy(at(server)) is None
        assert not await client.dispose(at(server))


async def test_health(client: Client) -> None:
    """Health is one question and one answer, without a directory."""
    async with serving(opencode("/srv/app")) as server:
        assert await client.health(at(server)) == Healthy(Identity("", "1.18.33"))
        assert server.lines == ["GET /global/health"]


async def test_sessions(client: Client) -> None:
    """Busy ones come from the status, all from the list; each answer may be missing."""
    status = as_json({"ses_a": {"type": "busy"}})
    some = opencode("/", status=status, session=as_json([{"id": "ses_a"}, {"id": "ses_b"}]))
    async with serving(some) as server:
        assert await client.sessions(at(server), "/srv/50% app") == Sessions(2, 1)
        assert await client.busy(at(server)) == frozenset({"ses_a"})
        assert server.lines[:2] == [
            "GET /session/status",
            "GET /session?roots=true&limit=101&directory=%2Fsrv%2F50%2525%20app",
        ]
        server.reply = opencode("/", status=status, session=http(500, ""))
        assert await client.sessions(at(server), "/srv/50% app") is None
        server.reply = opencode("/", status=http(500, ""))
        assert await client.sessions(at(server), "/srv/50% app") is None


async def test_dispose(client: Client) -> None:
    """True when the server says so."""
    async with serving(opencode("/")) as server:
        assert await client.dispose(at(server))
        assert server.lines == ["POST /global/dispose"]
        server.reply = opencode("/", dispose=http(500, ""))
        assert not await client.dispose(at(server))


async def test_outside_its_block() -> None:
    """Using a client that is not open is a mistake of the caller."""
    with pytest.raises(RuntimeError):
        await Client(timeout=1).health(Listener("127.0.0.1", 1))
