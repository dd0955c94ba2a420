"""The server: its sockets, its tasks, and the zone of now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

from opencoderouter.announce.dns.binding import Place, bind, see_forward
from opencoderouter.announce.dns.desk import Desk, Start
from opencoderouter.announce.dns.forward import Forwarder, Server
from opencoderouter.announce.dns.limits import Guests, Limit, Network
from opencoderouter.announce.dns.records import Ask, Near
from opencoderouter.announce.dns.tcp import Crowd, Tcp
from opencoderouter.announce.dns.udp import Udp
from opencoderouter.announce.dns.zone import successor, zone
from opencoderouter.core.announcement import Announcement
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is to do; all addresses are numeric.

    ``places``: where it listens, over UDP and TCP; ``0.0.0.0`` is IPv4 only, ``::`` IPv6 only,
    port 0 any that is free. ``domain``: the ordinary zone, such as ``dev.example.test``.
    ``forward``: who is asked for names outside the zones, address and port; nobody: REFUSED.
    ``allow``: networks whose clients may ask, beside private ones.
    """

    places: tuple[Place, ...]
    domain: str | None = None
    claims_local: bool = False
    forward: tuple[Server, ...] = ()
    allow: tuple[Network, ...] = ()


class Dns:
    """The server. Its sockets are bound when it is made, which raises ``binding.Unbound``.

    So does a ``forward`` that leads to one of its own places.

    ``told`` is what is announced; ``ask`` asks the network for other names in ``local.``, for
    clients that are ``near``, and without it there are none. ``serial`` is that of the first zone:
    a number that is higher at each start, such as the seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        told: Watch[Announcement],
        serial: int,
        ask: Ask | None = None,
        near: Near = lambda _: False,
    ) -> None:
        self._told = told
        first = zone(told.value, serial, domain=settings.domain, claims_local=settings.claims_local)
        forwarder = Forwarder(settings.forward) if settings.forward else None
        self._desk = Desk(first, ask, near, forwarder)
        self._guests, self._limit, self._crowd = Guests(settings.allow), Limit(), Crowd()
        see_forward(settings.places, settings.forward)
        self._bound = bind(settings.places)

    @property
    def places(self) -> tuple[Place, ...]:
        """Return where it listens, with the ports that were taken."""
        return tuple(tcp.getsockname()[:2] for _, tcp in self._bound)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many questions came, and what became of them; see ``desk.Counts``."""
        return asdict(self._desk.counts)

    def close(self) -> None:
        """Close the sockets of a server that does not run; ``run`` does so at its end."""
        for pair in self._bound:
            for one in pair:
                one.close()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as group, self._serving(group.create_task):
                async for told in self._told.follow():
                    self._renew(told)
        finally:
            self.close()

    def _renew(self, told: Announcement) -> None:
        now = self._desk.zone
        renewed = successor(now, told)
        if renewed is not now:
            self._desk.zone = renewed
            _log.info("zone changed serial=%d services=%d", renewed.serial, len(told.services))

    @asynccontextmanager
    async def _serving(self, start: Start) -> AsyncIterator[None]:
        """Answer while the block runs; all connections end with it."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as ends:
            ends.callback(self._crowd.close)
            for udp, tcp in self._bound:
                reader = Udp(udp, self._desk, self._guests, self._limit, start, loop.time)
                loop.add_reader(udp, reader.ready)
                ends.callback(loop.remove_reader, udp)
                accepting = await loop.create_server(lambda: self._connection(start), sock=tcp)
                ends.callback(accepting.close)
                _log.info("dns listening address=%s port=%d", *tcp.getsockname()[:2])
            yield

    def _connection(self, start: Start) -> Tcp:
        return Tcp(self._desk, self._guests, self._crowd, start)
