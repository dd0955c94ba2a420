"""A router of this process only that lets in who shows a password, and what one hears from it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from tests.fakes import backend
from tests.rig.entry import NOW, Entry, nobody
from tests.wire.proxy.own import Router

from opencoderouter.core.grant import Caller
from opencoderouter.core.keyring import Keyring, Token, digest
from opencoderouter.proxy.app import application
from opencoderouter.proxy.context import Access, Address, Door
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.listening import bind
from opencoderouter.proxy.server import Resources, serve

PASSWORD = "correct-horse-battery"
READER, SHOPPER, LATE = "ocrt_reader", "ocrt_shopper", "ocrt_late"
TOKENS = (
    Token("1", "reader", digest(READER).hex(), 0.0, read_only=True),
    Token("2", "shopper", digest(SHOPPER).hex(), 0.0, project="shop"),
    Token("3", "late", digest(LATE).hex(), 0.0, expires=NOW + 60),
)
KEYRING = Keyring(
    "always", digest(PASSWORD), b"k" * 32, {token.digest: token for token in TOKENS}, port=8080
)


class Strict(Entry):
    """What wants a password; who logs out is out, as with the real one."""

    def __init__(self, keyring: Keyring = KEYRING) -> None:
        super().__init__(keyring)

    def access(self) -> Access:
        """Return what the application is given."""
        return replace(super().access(), log_out=self._log_out)

    def rotate(self) -> None:
        """Let there be another password."""
        self.keyring = replace(self.keyring, password=digest("another"))

    def _log_out(self, session: str, expires: float) -> None:
        self.logged_out[session] = expires
        self.keyring = replace(self.keyring, revoked=self.keyring.revoked | {session})


class Free:
    """A door that knows everybody as our own user."""

    def look(self, client: Address, _: Address, __: Callable[[Caller], None]) -> Caller:
        """Let them in."""
        return Caller(client[0], 1000, free=True)

    async def run(self) -> None:
        """Have nothing to find out."""
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, its body as text."""

    status: int
    headers: CIMultiDictProxy[str]
    body: str

    @property
    def location(self) -> str:
        """Return where it leads."""
        return self.headers.get("Location", "")

    @property
    def cookie(self) -> str:
        """Return the cookie that it sets, as a client sends it."""
        return self.headers.get("Set-Cookie", "").partition(";")[0]

    @property
    def onward(self) -> str:
        """Return where its page goes on to."""
        found = re.search(r'<body data-to="([^"]*)">', self.body)
        return unescape(found[1]) if found else ""


@dataclass
class Guarded(Router):
    """The router of ada at ``devbox``; she has the projects ``shop`` and ``web``."""

    entry: Strict = field(default_factory=Strict)
    door: Door = field(default_factory=nobody)

    @asynccontextmanager
    async def open(self, host: str = "127.0.0.1", **projects: int) -> AsyncIterator[None]:
        """Serve until the block ends; ``projects`` are served on these ports."""
        for name, port in projects.items():
            self.registry.observe(backend(f"/srv/{name}", port))
        context = self.context
        sockets = bind(host, self.port)[0]
        self.port = sockets[0].getsockname()[1]
        self.entry.keyring = replace(self.entry.keyring, port=self.port)
        resources = Resources(Limits(), Occupancy.create(1), Stats(), self.door)
        app = application(context)
        async with serve(app, sockets, grace=1, context=context, resources=resources):
            yield

    def at(self, host: str) -> str:
        """Return the origin of one of its names."""
        return f"http://{host}:{self.port}"

    async def ask(
        self,
        target: str,
        *,
        host: str = "devbox",
        method: str = "GET",
        cookie: str = "",
        headers: Mapping[str, str] | None = None,
        data: Any = None,  # noqa: ANN401 - what aiohttp takes
    ) -> Heard:
        """Ask as a program does that knows which name stands for this router."""
        fields = {"Host": f"{host}:{self.port}", **(headers or {})}
        if cookie:  # as a page of the same origin would ask
            fields = {"Referer": f"{self.at(host)}/", **fields, "Cookie": cookie}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(
                method, f"{self.url}{target}", headers=fields, data=data, allow_redirects=False
            ) as answer,
        ):
            return Heard(answer.status, answer.headers, await answer.text())

    async def log_in(self, secret: str = PASSWORD, **more: Any) -> Heard:  # noqa: ANN401
        """Send the form."""
        data = {"password": secret, "to": more.pop("to", "/")}
        return await self.ask("/.ocr/login", method="POST", data=data, **more)
