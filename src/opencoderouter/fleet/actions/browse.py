"""A session in a browser: a port of this machine that leads to the session's server.

Whoever gets through has a shell on the other machine. The port is on loopback, which every user of
this machine can reach, and so can every page that a browser shows. So a connection must be this
user's (``peer``), and a request must come from a page of the port itself (``core.fleet.gate``).
Where the system does not say whose a connection is, nothing is forwarded.

Each has an address of its own (127.0.0.0/8, RFC 1122 section 3.2.1.3): cookies know no ports. On
127.0.0.1 a server there would get those of the router and of all else that runs here, and could set
them.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from opencoderouter.core.fleet.commands import is_session
from opencoderouter.core.fleet.control import Done, Failed, Outcome
from opencoderouter.core.fleet.gate import Gate, Refused
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import SessionRef, Unreached
from opencoderouter.core.fleet.transport import Link, NotForwarded, Stream
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions import peer
from opencoderouter.fleet.actions.site import WITHIN, Site

_MOST = 16  # ports at once; the oldest is closed for another one
_CONNECTIONS = 64  # through one port
_PIECE = 1 << 16
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Forward:
    """A port of ours. ``place`` is looked up again whenever its session is opened."""

    link: Link
    place: Place
    server: asyncio.Server | None = None
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def where(self) -> str:
        """Return where it listens, as a URL has it."""
        assert self.server is not None  # noqa: S101 - it is set as soon as it is made
        address, port = self.server.sockets[0].getsockname()
        return f"{address}:{port}"

    def close(self) -> None:
        """Take no more, and end what there is."""
        if self.server is not None:
            self.server.close()
        for task in self.connections:
            task.cancel()


class Forwards:
    """The ports that are open while the block runs. ``is_ours`` tells whose a connection is."""

    def __init__(
        self,
        is_ours: Callable[[peer.Address, peer.Address], bool] = peer.is_ours,
        can_tell: Callable[[], bool] = peer.can_tell,
    ) -> None:
        self._is_ours, self._can_tell = is_ours, can_tell
        self._group = asyncio.TaskGroup()
        self._open: dict[tuple[str, int], _Forward] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for forward in self._open.values():
            forward.close()
        await self._group.__aexit__(kind, error, trace)

    async def browse(self, site: Site, session: SessionRef) -> Outcome:
        """Return the address of a session at a port of this machine."""
        if not await asyncio.to_thread(self._can_tell):
            why = "this machine does not tell whose a connection is, so nothing is forwarded"
            return site.failed(why, "Every user of it could use the port, and with it the host.")
        place = await _server(site, session)
        if isinstance(place, Failed):
            return place
        forward = await self._forward(site, place)
        # By name, `localhost` may be [::1], where somebody else can listen at the same port.
        folder = urlsafe_b64encode(session.directory.encode()).decode().rstrip("=")
        url = f"http://{forward.where}/{folder}/session/{session.id}"
        return Done(f"{printable(site.host.name)}: {url}", url)

    async def _forward(self, site: Site, place: Place) -> _Forward:
        key = (site.host.alias, place.server.port)
        known = self._open.pop(key, None)
        if known is not None:
            known.place = place  # its password may be another one
            self._open[key] = known
            return known
        while len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open))).close()
        forward = _Forward(site.link, place)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            coroutine = self._serve(forward, reader, writer)
            task = self._group.create_task(coroutine, name=f"browse {site.host.alias}")
            forward.connections.add(task)
            task.add_done_callback(forward.connections.discard)

        forward.server = await asyncio.start_server(connected, _address(), 0, limit=_PIECE)
        self._open[key] = forward
        _log.info("forwarding host=%s port=%d here=%s", *key, forward.where)
        return forward

    async def _serve(
        self, forward: _Forward, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Join a connection of this user to the server, until either ends it."""
        try:
            ends = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
            if len(forward.connections) > _CONNECTIONS or not await asyncio.to_thread(
                self._is_ours, *ends
            ):
                _log.warning("refused client=%s here=%s", *ends)
                return
            stream = await forward.link.connect(
                forward.place.server.port, address=forward.place.server.address, within=WITHIN
            )
            if isinstance(stream, NotForwarded | Unreached):
                writer.write(Refused(502, printable(stream.reason)).answer)
            else:
                gate = Gate(forward.where, forward.place.authorization)
                await _join(reader, writer, stream, gate)
        except OSError as error:
            _log.debug("ended reason=%s", error)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def _address() -> str:
    """Return an address of loopback that hardly anything else has, before or after."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


async def _server(site: Site, session: SessionRef) -> Place | Failed:
    """Return a server of a session's directory that lets us in, and has the session."""
    if not is_session(session.id):
        return site.failed("this is no id of a session")
    here = await site.here()
    if isinstance(here, Failed):
        return here
    place = await site.open_one(here.of(session.directory))
    if place is None:
        return site.failed("no server runs in the session's directory; start one first")
    return place if isinstance(place, Failed) else await site.confirm(place, session) or place


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: Stream, gate: Gate
) -> None:
    """Pass on what comes, both ways. A request that is refused ends it."""

    async def back() -> None:
        while data := await stream.receive(_PIECE):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def forth() -> None:
        try:
            while data := await reader.read(_PIECE):
                await stream.send(gate.feed(data))
        except Refused as refused:
            writer.write(refused.answer)
        finally:
            await stream.close()

    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(back(), name="back")
            both.create_task(forth(), name="forth")
    except* OSError as lost:
        _log.debug("lost reason=%s", lost.exceptions[0])
    finally:
        await stream.close()
