"""A router seen from outside: what it tells on the network, read from its API.

``GET /api/events`` has the projects and what changes, ``GET /api/health`` the addresses. A router
that is away is asked again and again; its names stay for ``KEPT`` seconds, so that a restart is not
noticed, and are then forgotten.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ClientResponse

from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement, Service
from opencoderouter.core.printable import printable
from opencoderouter.core.slug import HOST_LABEL
from opencoderouter.kernel.reasons import reason
from opencoderouter.opencode.proof import Denial, ProvingConnector
from opencoderouter.watch import Watch

KEPT = 15.0  # seconds
_FIRST, _LAST = 0.5, 5.0  # seconds before it is asked again; twice as long each time
_CONNECT = 5.0
_SILENCE = 30.0  # seconds without a heartbeat, which comes every 10: the connection is dead
_LARGEST = 1 << 23  # octets of one event or answer: some ten thousand projects
_REFUSAL = 1 << 12
# What reading JSON raises that is not what it should be.
_NONSENSE = ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError
_TLS = "Ask by https://; this machine's router with --tls-cert FILE."
_TRUST = "name a file with it by SSL_CERT_FILE"
_LAST_PORT = 65535
_log = logging.getLogger(__name__)

Json = Mapping[str, Any]
# Tells whether our own user listens at an address and port of this machine.
Proof = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Target:
    """The router to follow, at ``base``: a URL without a slash at its end.

    ``secret`` is shown to it, and to nobody else: where there is a ``proof``, on no connection that
    it denies. With ``context`` it is trusted by that alone.
    """

    base: str
    secret: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Why there is no router to be followed now."""

    reason: str


class Follower:
    """Keeps ``told``: the announcement of the router that ``target`` names, asked each time anew.

    Only the names of hosts, no paths: it is as with ``--mdns-txt minimal``.
    """

    def __init__(self, target: Callable[[], Target | Away], *, kept: float = KEPT) -> None:
        self._target, self._kept = target, kept
        self._rows: dict[str, Json] = {}
        self._router: Json = {}
        self._forgetting: asyncio.TimerHandle | None = None
        self._said: str | None = None
        self._pause = _FIRST
        self.told: Watch[Announcement] = Watch(Announcement())

    async def run(self) -> None:
        """Service: follow, until cancelled. Nothing that a router does ends it."""
        try:
            while True:
                target = self._target()
                self._lost(await self._follow(target) if isinstance(target, Target) else target)
                await asyncio.sleep(self._pause)
                self._pause = min(2 * self._pause, _LAST)
        finally:
            self._remember()

    async def _follow(self, target: Target) -> Away:
        """Read the stream to its end, and return why it ended."""
        try:
            async with _session(target) as session, _asked(session, "/api/events") as answer:
                if refusal := await _refusal(answer, target):
                    return refusal
                async for name, data in _events(answer.content):
                    self._apply(name, data)
                    self._router = await _health(session)
                    self._publish(target)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Away(f"{target.base}: no router answers ({_why(error)})")
        except _NONSENSE:
            return Away(f"{target.base}: what answers there is not a router")
        return Away(f"{target.base}: it has ended the stream of its events")

    def _apply(self, name: str, data: Json) -> None:
        if name == "snapshot":
            self._rows = {row["slug"]: row for row in data["backends"]}
        elif name == "change":
            self._rows.update({row["slug"]: row for row in data["changed"]})
            for slug in data["removed"]:
                self._rows.pop(slug, None)

    def _publish(self, target: Target) -> None:
        told = announced(self._router, self._rows.values())
        if told != self.told.value:
            self.told.set(told)
        self._remember()
        self._pause = _FIRST
        if self._said != "":
            self._said = ""
            _log.info("router followed url=%s names=%d", target.base, len(told.services))

    def _lost(self, away: Away) -> None:
        if self._said != away.reason:
            self._said = away.reason
            _log.warning("no router to follow, asking again reason=%s", away.reason)
        if self._forgetting is None:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(self._kept, self.told.set, Announcement())

    def _remember(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None


def announced(router: Json, rows: Iterable[Json]) -> Announcement:
    """Return what a router tells, from its answer to ``/api/health`` and its rows.

    Nothing while it is announced nowhere. Raises ValueError, TypeError or KeyError for what no
    router says.
    """
    addresses = tuple(map(_numeric, router["addresses"]))
    if not addresses:
        return Announcement()
    port, scheme = int(router["port"]), str(router["scheme"])
    if not 0 < port <= _LAST_PORT:
        raise ValueError(port)
    how = () if scheme == "http" else (("scheme", scheme),)
    owner = ("owner", str(router["owner"]))
    services = set()
    if router["domain"]:
        txt = (owner, ("version", str(router["version"])), *how)
        services.add(Service(ROUTER, _label(router["domain"]), port, txt))
    for row in rows:
        if row["servers"] and row["status"] != "starting":
            facts = (("project", str(row["project_name"])), owner, ("version", str(row["version"])))
            services.add(Service(PROJECT, _label(row["domain"]), port, (*facts, *how), row["slug"]))
    return Announcement(frozenset(services), addresses)


def _numeric(address: str) -> str:
    """Return an address that means the same to everybody. Raises ValueError."""
    if "%" in address:
        raise ValueError(address)
    return str(ip_address(address))


def _label(domain: str) -> str:
    """Return the label of a name such as ``shop-alice.local``. Raises ValueError."""
    label, _, rest = domain.partition(".")
    if rest != "local" or not HOST_LABEL.fullmatch(label):
        raise ValueError(domain)
    return label


async def _refusal(answer: ClientResponse, target: Target) -> Away | None:
    if answer.status == 401:  # noqa: PLR2004 - HTTP
        hint = "put a token (`ocr-router token create NAME`) or its password into OCR_TOKEN"
        asked = "does not take this password or token" if target.secret else "asks who you are"
        return Away(f"{target.base} {asked}; {hint}")
    kind = answer.content_type
    if answer.status != 200 or kind != "text/event-stream":  # noqa: PLR2004 - HTTP
        status = f"what answers there is not a router (status {answer.status})"
        return Away(f"{target.base}: {await _words(answer) or status}")
    return None


async def _words(answer: ClientResponse) -> str:
    """Return in a router's own words why it refuses; nothing for what is no refusal of one."""
    if not 0 < (answer.content_length or 0) <= _REFUSAL:
        return ""
    try:
        body = json.loads(await answer.read())
        detail, hint = str(body["detail"]), str(body["hint"])
    except _NONSENSE:
        return ""
    return printable(f"{detail} {_TLS if 'HTTPS' in detail else hint}")


def _why(error: Exception) -> str:
    """Return the reason within an error of aiohttp, in the words of the system."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {reason(error.certificate_error)}; {_TRUST}"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        code = error.errno or 0
        known = code in errno.errorcode
        return os.strerror(code) if known else printable(error.strerror or "no answer")
    return reason(error)


async def _health(session: aiohttp.ClientSession) -> Json:
    body = bytearray()
    async with _asked(session, "/api/health") as answer:
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > _LARGEST:
                raise ValueError(len(body))
    data: Json = json.loads(body)
    return data


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, Json]]:
    """Yield name and data of each event (WHATWG HTML section 9.2). Raises ValueError."""
    name, data = "", b""
    async for line in _lines(content):
        key, _, value = line.partition(b": ")
        if not line and data:
            yield name, json.loads(data)
            name, data = "", b""
        elif key == b"event":
            name = value.decode()
        elif key == b"data":
            data = value


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        if len(rest) > _LARGEST:
            raise ValueError(len(rest))
        *lines, last = rest.split(b"\n") if b"\n" in chunk else (rest,)
        rest = bytearray(last)
        for line in lines:
            yield bytes(line)


def _asked(
    session: aiohttp.ClientSession, path: str
) -> AbstractAsyncContextManager[ClientResponse]:
    """Ask, and go nowhere else: what is shown is for the router that it was meant for."""
    return session.get(path, allow_redirects=False)


def _session(target: Target) -> aiohttp.ClientSession:
    """Return a client without proxies of the environment, and without cookies."""
    shown = {"Authorization": f"Bearer {target.secret}"} if target.secret else {}
    return aiohttp.ClientSession(
        target.base,
        connector=ProvingConnector(target.proof and _denial(target.proof), target.context),
        headers=shown,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT, sock_read=_SILENCE),
        trust_env=False,
    )


def _denial(proof: Proof) -> Denial:
    """Return what denies connections that do not lead to our own user's router."""
    return lambda peer: None if peer and proof(*peer) else "another user listens there"
