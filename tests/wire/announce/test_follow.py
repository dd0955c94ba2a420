"""A router that is followed over real connections: its stream, its end, and its return."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.rig.ports import free_port
from tests.unit.announce.test_follow import ROUTER_SAYS, ROW
from tests.wire.cli.test_api import certificate

from opencoderouter.announce.follow import Away, Follower, Target
from opencoderouter.core.announcement import Announcement
from opencoderouter.watch import Watch

HANG = 20  # seconds, that only a hang reaches


@dataclass
class Router:
    """Plays the API: one stream at a time, whose events come from a queue."""

    port: int = 0
    says: dict[str, Any] = field(default_factory=lambda: dict(ROUTER_SAYS))
    rows: list[dict[str, Any]] = field(default_factory=lambda: [ROW])
    status: int = 200
    refusal: dict[str, str] | None = None
    context: ssl.SSLContext | None = None
    secrets: list[str | None] = field(default_factory=list)
    events: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    @property
    def base(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def tell(self, event: str, data: object) -> None:
        """Send an event."""
        self.events.put_nowait(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    async def health(self, request: web.Request) -> web.Response:
        """Answer ``/api/health``."""
        self.secrets.append(request.headers.get("Authorization"))
        return web.json_response(self.says)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer ``/api/events``: a snapshot, then what is told."""
        self.secrets.append(request.headers.get("Authorization"))
        if self.status != 200:
            if self.refusal is not None:
                return web.json_response(self.refusal, status=self.status)
            return web.Response(status=self.status, headers={"Location": f"{self.base}/else"})
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        self.tell("snapshot", {"backends": self.rows})
        while (octets := await self.events.get()) is not None:
            for at in range(0, len(octets), 50):  # in pieces
                await answer.write(octets[at : at + 50])
        return answer


@asynccontextmanager
async def running(router: Router) -> AsyncIterator[Router]:
    """Let it listen, on the port that it had before, if it had one."""
    app = web.Application()
    app.add_routes([web.get("/api/health", router.health), web.get("/api/events", router.stream)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", router.port, ssl_context=router.context)
    await site.start()
    router.port = runner.addresses[0][1]
    try:
        yield router
    finally:
        router.events.put_nowait(None)
        await runner.cleanup()
        router.events = asyncio.Queue()


@asynccontextmanager
async def following(
    target: Callable[[], Target | Away], *, kept: float = 60.0
) -> AsyncIterator[Follower]:
    """Follow while the block lasts."""
    follower = Follower(target, kept=kept)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        yield follower
        task.cancel()


class Log(logging.Handler):
    """What is logged, for who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Watch[tuple[str, ...]] = Watch(())

    def emit(self, record: logging.LogRecord) -> None:
        """Take note."""
        self.lines.set((*self.lines.value, record.getMessage()))

    async def says(self, words: str) -> None:
        """Return when a line has these words."""
        async with asyncio.timeout(HANG):
            async for lines in self.lines.follow():
                if any(words in line for line in lines):
                    return


@pytest.fixture
def log() -> Iterator[Log]:
    """Return what is logged while following."""
    handler, logger = Log(), logging.getLogger("opencoderouter.announce.follow")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def told(follower: Follower, wanted: Callable[[Announcement], bool]) -> Announcement:
    """Return the first announcement that is as wanted."""
    async with asyncio.timeout(HANG):
        async for announcement in follower.told.follow():
            if wanted(announcement):
                return announcement
    raise AssertionError


def labels(announcement: Announcement) -> set[str]:
    """Return the labels of the projects."""
    return {service.label for service in announcement.services if service.slug}


async def test_changes_are_followed() -> None:
    """Projects come, change and go, addresses change, as the router says."""
    async with running(Router()) as router, following(lambda: Target(router.base)) as follower:
        await told(follower, lambda one: labels(one) == {"shop-alice"})
        blog = {**ROW, "slug": "blog", "domain": "blog-alice.local"}
        router.tell("change", {"changed": [blog], "removed": []})
        await told(follower, lambda one: labels(one) == {"shop-alice", "blog-alice"})
        router.tell(
            "change", {"changed": [{**ROW, "domain": "shop-alice-desk.local"}], "removed": []}
        )
        await told(follower, lambda one: labels(one) == {"shop-alice-desk", "blog-alice"})
        router.tell("change", {"changed": [], "removed": ["shop", "unknown"]})
        await told(follower, lambda one: labels(one) == {"blog-alice"})
        router.says["addresses"] = ["192.0.2.9"]
        router.tell("seen", {"last_seen": {}})
        await told(follower, lambda one: one.addresses == ("192.0.2.9",))


async def test_a_large_snapshot() -> None:
    """A line may be longer than what is read at once."""
    rows = [{**ROW, "slug": f"p{n}", "domain": f"p{n}-alice.local"} for n in range(2000)]
    async with running(Router(rows=rows)) as router, following(lambda: Target(router.base)) as one:
        assert len(labels(await told(one, lambda told_: bool(told_.services)))) == 2000


async def test_a_restart() -> None:
    """Names stay while the router starts again, and then are those of the new one."""
    router = Router()
    async with following(lambda: Target(router.base)) as follower:
        async with running(router):
            first = await told(follower, lambda one: bool(one.services))
        router.rows = [{**ROW, "slug": "blog", "domain": "blog-alice.local"}]
        assert follower.told.value is first
        async with running(router):
            await told(follower, lambda one: labels(one) == {"blog-alice"})


async def test_a_router_that_does_not_come_back() -> None:
    """Its names are forgotten after a while."""
    router = Router()
    async with following(lambda: Target(router.base), kept=0.01) as follower:
        async with running(router):
            await told(follower, lambda one: bool(one.services))
        await told(follower, lambda one: one == Announcement())


async def test_it_is_told_once_that_there_is_none(log: Log) -> None:
    """However often it is asked for in vain."""
    asked = asyncio.Semaphore(0)

    def target() -> Away:
        asked.release()
        return Away("nothing answers")

    async with following(target):
        for _ in range(3):
            async with asyncio.timeout(HANG):
                await asked.acquire()
    assert log.lines.value == ("no router to follow, asking again reason=nothing answers",)


async def test_the_secret_is_for_the_router(log: Log) -> None:
    """It is sent to the router alone, read anew each time, and not repeated to where it leads."""
    router, secrets = Router(status=307), iter(["first-secret", "second-secret"])

    def target() -> Target | Away:
        secret = next(secrets, None)
        return Target(router.base, secret) if secret else Away("no more")

    async with running(router), following(target) as follower:
        await log.says("status 307")
        router.status = 200
        await told(follower, lambda one: bool(one.services))
    assert router.secrets[:3] == [
        "Bearer first-secret",
        "Bearer second-secret",
        "Bearer second-secret",
    ]
    assert "secret" not in " ".join(log.lines.value)


async def test_a_secret_is_not_shown_to_another_user(log: Log) -> None:
    """Where our own user must listen, the connection is closed before a word when it does not."""
    seen: list[tuple[str, int]] = []
    router = Router()

    def denies(address: str, port: int) -> bool:
        seen.append((address, port))
        return False

    async with running(router), following(lambda: Target(router.base, "secret", None, denies)):
        await log.says("another user listens there")
    assert seen[0] == ("127.0.0.1", router.port)
    assert router.secrets == []


@pytest.mark.parametrize(
    ("status", "secret", "words"),
    [(401, "x", "does not take this"), (401, None, "asks who you are"), (404, None, "status 404")],
)
async def test_refusals(status: int, secret: str | None, words: str, log: Log) -> None:
    """The log says why, and what to do."""
    router = Router(status=status)
    async with running(router), following(lambda: Target(router.base, secret)):
        await log.says(words)


async def test_a_certificate_that_nobody_trusts(log: Log, tmp_path: Path) -> None:
    """The log says so in words, and what helps."""
    made = certificate(tmp_path / "tls", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, made.with_name("key"))
    router = Router(context=context)
    async with (
        running(router),
        following(lambda: Target(router.base.replace("http", "https"))),
    ):
        await log.says("certificate is not trusted: self-signed certificate; name a file with")


async def test_a_refusal_in_its_own_words(log: Log) -> None:
    """A port that speaks HTTPS is no stranger."""
    router = Router(status=400, refusal={"detail": "This port speaks HTTPS.", "hint": "No."})
    async with running(router), following(lambda: Target(router.base)):
        await log.says("This port speaks HTTPS. Ask by https://; this machine's router with --tls")


async def test_nothing_listens(log: Log) -> None:
    """The log says in plain words why nobody answers."""
    base = f"http://127.0.0.1:{free_port()}"
    async with following(lambda: Target(base)):
        await log.says(f"{base}: no router answers (Connection refused)")


async def test_no_tls(log: Log) -> None:
    """What goes wrong with TLS is told without the library's numbers."""
    async with running(Router()) as router:
        base = router.base.replace("http", "https")
        async with following(lambda: Target(base, "secret")):
            await log.says(f"{base}: no router answers (")
        assert not any("SSL" in line for line in log.lines.value)
        assert router.secrets == []


@pytest.mark.parametrize("says", [{}, {"addresses": [1.5]}, {**ROUTER_SAYS, "port": "x"}])
async def test_what_is_not_a_router(says: dict[str, Any], log: Log) -> None:
    """Whatever it says, following goes on."""
    router = Router(says=says)
    async with running(router), following(lambda: Target(router.base)) as follower:
        await log.says("what answers there is not a router")
        router.says = ROUTER_SAYS
        await told(follower, lambda one: bool(one.services))


async def test_an_answer_without_end(log: Log) -> None:
    """What is asked for once is bounded, too: who never comes to an end is no router."""

    class Endless(Router):
        async def health(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
            answer = web.StreamResponse(headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            while True:
                await answer.write(bytes(1 << 16))

    async with running(Endless()) as router, following(lambda: Target(router.base)):
        await log.says("what answers there is not a router")
