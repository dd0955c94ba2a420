"""Servers that the user vouches for: nothing proves whose they are, so each is asked by name."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from opencoderouter.core.model import Backend, Identity, Kind, Listener, Status
from opencoderouter.core.named import Named
from opencoderouter.core.printable import printable
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry

_log = logging.getLogger(__name__)
_CONNECT = 2.0  # seconds: it may be on another machine
_RESOLVE = 5.0
_LOCKED = "wants a password: --backend NAME=http://USER:PASSWORD@HOST:PORT"


@dataclass(frozen=True, slots=True)
class _Known:
    """A server that has answered, and when it last did."""

    backend: Backend
    answered: float


class NamedServers:
    """Keeps the backends of ``--backend`` in the registry while they answer as OpenCode.

    Every ``interval`` seconds each is asked again, its host name looked up anew. One that cannot be
    reached is unrouted then; one that accepts connections, but has not answered for ``stale_after``
    seconds (by ``clock``), as well. Their names are reserved in the registry's leases.
    """

    def __init__(
        self,
        registry: Registry,
        client: Client,
        servers: Sequence[Named],
        *,
        interval: float,
        stale_after: float,
        clock: Callable[[], float],
    ) -> None:
        self._registry, self._client, self._servers = registry, client, servers
        self._interval, self._stale_after, self._clock = interval, stale_after, clock

    async def run(self) -> None:
        """Follow all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers:
                tasks.create_task(self._keep(server), name=f"backend {server.name}")

    async def _keep(self, server: Named) -> None:
        known: _Known | None = None
        while True:
            found = await self._look(server, known)
            self._publish(server, known, found)
            known = found
            await asyncio.sleep(self._interval)

    async def _look(self, server: Named, known: _Known | None) -> _Known | None:
        """Ask at each address of the host, first where it was, until one answers as OpenCode."""
        last = known.backend.listener.address if known else None
        for address in sorted(await _addresses(server), key=lambda address: address != last):
            secret = server.authorization
            listener = Listener(address, server.port, kind=Kind.SERVE, authorization=secret)
            before = known if address == last else None
            answer = await self._client.identify(listener)
            if backend := await self._backend(server, listener, answer, before):
                return _Known(backend, self._clock())
            if isinstance(answer, Silent) and before and await self._is_patient(before):
                busy = replace(before.backend, status=Status.BUSY)
                return replace(before, backend=busy)
        return None

    async def _backend(
        self, server: Named, listener: Listener, answer: Answer, before: _Known | None
    ) -> Backend | None:
        whose = before.backend.identity if before else Identity(server.directory(), "")
        match answer:
            case Healthy(identity):
                sessions = await self._client.sessions(listener, identity.directory)
                here = replace(identity, directory=server.directory(identity.directory))
                return Backend(listener, here, Status.READY, sessions=sessions)
            case Locked():
                return Backend(listener, whose, Status.LOCKED, _LOCKED)
            case Broken(version, reason):
                return Backend(listener, replace(whose, version=version), Status.FAILED, reason)
            case Foreign() | Silent():
                return None

    async def _is_patient(self, known: _Known) -> bool:
        """Tell whether a silent server is slow, as far as can be known, and not gone."""
        if self._clock() - known.answered > self._stale_after:
            return False
        listener = known.backend.listener
        try:
            async with asyncio.timeout(_CONNECT):
                _, writer = await asyncio.open_connection(listener.target, listener.port)
        except OSError:  # TimeoutError is one
            return False
        writer.close()
        return True

    def _publish(self, server: Named, known: _Known | None, found: _Known | None) -> None:
        if known and not (found and found.backend.listener == known.backend.listener):
            self._registry.forget(known.backend.listener)
        if found:
            self._registry.observe_as(server.name, found.backend)
        before, now = (item.backend.status if item else None for item in (known, found))
        if before is not now:
            reason = printable(found.backend.reason) if found else ""
            _log.info(
                "backend name=%s status=%s reason=%s", server.name, now or "gone", reason or "-"
            )


async def _addresses(server: Named) -> list[str]:
    """Return the numeric addresses of a host, each once; none while it is not known."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # no such host; a name that cannot be one
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
