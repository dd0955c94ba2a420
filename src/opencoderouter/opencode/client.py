"""Questions to OpenCode servers, each on a fresh connection, with bounded time and size.

A fresh connection matters: for about a quarter second after ``listen()`` OpenCode accepts
connections that it never answers. Redirects, cookies and the environment's proxies are ignored:
a listener is asked, nobody else.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from opencoderouter.core.basic import basic
from opencoderouter.core.model import Kind, Listener, Sessions
from opencoderouter.opencode import answer as answers
from opencoderouter.opencode.answer import Answer, Foreign, Healthy, Reply, Silent
from opencoderouter.opencode.hedge import hedged
from opencoderouter.opencode.proof import Proof, ProvingConnector, denying, meaning

_HEDGE = 0.05
_HEDGES = 16
_BODY = 1 << 20  # bytes; health and path are below 1 KiB, a hundred sessions below 200 KiB
_DISPOSE = 5.0  # seconds; a stubborn MCP server takes two


class Client:
    """An async context manager; one serves a whole process.

    ``timeout`` is in seconds, and bounds each question and each ``identify`` as a whole. A
    listener's own ``authorization`` is sent at once. ``password`` is shown only to a listener
    without one whose process is known to be OpenCode (by its ``kind``), when it asks for one as
    OpenCode does. Nothing is sent to a listener that ``proof`` denies. No method raises for
    anything that a server does.
    """

    def __init__(
        self,
        *,
        timeout: float,
        password: str | None = None,
        username: str = "opencode",
        proof: Proof | None = None,
    ) -> None:
        self._timeout, self._proof = timeout, proof
        self._auth = basic(username, password) if password else None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=ProvingConnector(self._proof and denying(self._proof)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def identify(self, listener: Listener) -> Answer:
        """Find out what listens: ``GET /global/health``, hedged, then ``GET /path``."""
        try:
            async with asyncio.timeout(self._timeout):
                health = await hedged(lambda: self.health(listener), every=_HEDGE, most=_HEDGES)
        except TimeoutError:
            return Silent()
        if not isinstance(health, Healthy):
            return health
        # A time-out of its own: the first call loads the project, just when OpenCode is starting.
        reply = await self._ask(listener, "/path", self._timeout)
        if isinstance(reply, Reply):
            return answers.read_path(reply, health.identity.version)
        return reply

    async def health(self, listener: Listener) -> Answer:
        """Ask ``GET /global/health`` once; a Healthy answer names no directory."""
        reply = await self._ask(listener, "/global/health", self._timeout)
        return answers.read_health(reply) if isinstance(reply, Reply) else reply

    async def sessions(self, listener: Listener, directory: str) -> Sessions | None:
        """Count the sessions of the server's own ``directory``, or None when it does not tell.

        Without the directory it would count those of its project, which all directories share
        that are no git repository.
        """
        busy = await self.busy(listener)
        if busy is None:
            return None
        where = quote(directory.replace("%", "%25"), safe="", errors="surrogateescape")
        # OpenCode decodes the value twice.
        query = f"/session?roots=true&limit={answers.MANY + 1}&directory={where}"
        reply = await self._ask(listener, query, self._timeout)
        return answers.read_sessions(reply, busy) if isinstance(reply, Reply) else None

    async def busy(self, listener: Listener) -> frozenset[str] | None:
        """Return the ids of the sessions at work (``GET /session/status``), or None."""
        reply = await self._ask(listener, "/session/status", self._timeout)
        return answers.read_busy(reply) if isinstance(reply, Reply) else None

    async def dispose(self, listener: Listener) -> bool:
        """End all tools and MCP servers of a server: ``POST /global/dispose``. True when it did."""
        reply = await self._ask(listener, "/global/dispose", _DISPOSE, method="POST")
        return isinstance(reply, Reply) and reply.status == 200 and reply.json is True  # noqa: PLR2004

    async def _ask(
        self, listener: Listener, target: str, seconds: float, *, method: str = "GET"
    ) -> Reply | Foreign | Silent:
        try:
            async with asyncio.timeout(seconds):
                reply = await self._send(method, listener, target, listener.authorization)
                if reply is not None and reply.locked and (auth := self._auth_for(listener)):
                    reply = await self._send(method, listener, target, auth)
        except aiohttp.ClientResponseError:  # bytes that are not HTTP
            return Foreign()
        except (aiohttp.ClientError, OSError):  # TimeoutError is an OSError
            return Silent()
        return reply or Foreign()

    def _auth_for(self, listener: Listener) -> str | None:
        """Return what else to show who asks for a password, if it is our user's OpenCode."""
        seen = listener.inode is not None and listener.kind is not Kind.OTHER
        return self._auth if seen and not listener.authorization else None

    async def _send(
        self, method: str, listener: Listener, target: str, auth: str | None
    ) -> Reply | None:
        """Return the reply, or None when its body is larger than any of OpenCode's."""
        if self._session is None:
            raise RuntimeError("Client is used outside its block")
        url = URL(f"http://{listener.authority}{target}", encoded=True)
        headers = {"Authorization": auth} if auth else {}
        ask = self._session.request(method, url, headers=headers, allow_redirects=False)
        with meaning(listener):
            response = await ask
        async with response:
            body = await _read(response)
            if body is None:
                return None
            kind = response.headers.get("Content-Type", "")
            challenge = response.headers.get("WWW-Authenticate", "")
            return Reply(response.status, kind, challenge, body)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _BODY:
            return None
    return bytes(body)
