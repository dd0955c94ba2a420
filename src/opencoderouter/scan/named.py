"""Servers that the user vouches for: nothing proves whose they are, so each is asked by name."""

from __future__ import annotations

import asyncio
import logging
import os
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
_FOREIGN = "what answers there is not OpenCode"
_MUTE = "it takes connections, but does not answer"


@dataclass(frozen=True, slots=True)
class _Known:
    """A server that has answered, and when it last did."""

    backend: Backend
    answered: float


class NamedServers:
    """Keeps the backends of ``--backend`` in the registry, routed while they answer as OpenCode.

    Every ``interval`` seconds each is asked again, its host name looked up anew. One that cannot be
    reached is unrouted then; one that accepts connections, but has not answered for ``stale_after``
    seconds (by ``clock``), as well: it is listed as starting, with the reason. Their names are
    reserved in the registry's leases.
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
        shown: Backend | None = None
        while True:
            found = await self._look(server, known)
            if isinstance(found, _Known):
                known, now = found, found.backend
            else:
                known, now = None, _unreached(server, shown, found)
            self._publish(server, shown, now)
            shown = now
            await asyncio.sleep(self._interval)

    async def _look(self, server: Named, known: _Known | None) -> _Known | str:
        """Ask at each address of the host, first where it was, until one answers as OpenCode.

        Return why there is none, if so.
        """
        addresses = await _addresses(server)
        if isinstance(addresses, str):
            return addresses
        last, reasons = known.backend.listener.address if known else None, set[str]()
        for address in sorted(addresses, key=lambda address: address != last):
            secret = server.authorization
            listener = Listener(address, server.port, kind=Kind.SERVE, authorization=secret)
            before = known if address == last else None
            answer = await self._client.identify(listener)
            if backend := await self._backend(server, listener, answer, before):
                return _Known(backend, self._clock())
            refusal = _FOREIGN if isinstance(answer, Foreign) else await _refusal(listener)
            if before and not refusal and self._clock() - before.answered <= self._stale_after:
                busy = replace(before.backend, status=Status.BUSY)
                return replace(before, backend=busy)
            reasons.add(refusal or _MUTE)
        return "; ".join(sorted(reasons))

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

    def _publish(self, server: Named, before: Backend | None, now: Backend) -> None:
        if before and before.listener != now.listener:
            self._registry.forget(before.listener)
        self._registry.observe_as(server.name, now)
        if before and (before.status, before.reason) == (now.status, now.reason):
            return
        reason = printable(now.reason) or "-"
        if now.status is Status.STARTING:
            text = "backend name=%s status=unreachable reason=%s url=%s"
            _log.warning(text, server.name, reason, server.origin)
        else:
            _log.info("backend name=%s status=%s reason=%s", server.name, now.status, reason)


def _unreached(server: Named, shown: Backend | None, reason: str) -> Backend:
    """Return what is listed while nobody answers: nothing is passed on to it."""
    listener = Listener(server.host, server.port, kind=Kind.SERVE)
    identity = shown.identity if shown else Identity(server.directory(), "")
    return Backend(listener, identity, Status.STARTING, reason)


async def _addresses(server: Named) -> list[str] | str:
    """Return the numeric addresses of a host, each once; while it is not known, why."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return f"{server.host}: the resolver does not answer"
    except OSError as error:
        return f"{server.host}: {error.strerror}"
    except UnicodeError:
        return f"{server.host}: no host can have this name"
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _refusal(listener: Listener) -> str:
    """Return why no connection can be made; nothing when one can."""
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(listener.target, listener.port)
    except TimeoutError:
        return "no connection in time"
    except ConnectionRefusedError:
        return "nothing listens there (connection refused)"
    except OSError as error:
        return os.strerror(error.errno or 0)
    writer.close()
    return ""
