"""The router on the network: its names are told by mDNS and DNS, those of others are heard."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from opencoderouter import __version__
from opencoderouter.announce.reach import announced, wanted
from opencoderouter.core.announcement import Announcement, Manner, Service, announcement, labels
from opencoderouter.core.hosts import ROUTER, Names
from opencoderouter.core.peers import Peer
from opencoderouter.fields import format_listening
from opencoderouter.kernel.addresses import changes, interfaces
from opencoderouter.labels import LabelFile
from opencoderouter.proxy.context import Network
from opencoderouter.registry import Registry
from opencoderouter.settings import Settings
from opencoderouter.watch import Watch
from opencoderouter.wiring.lasting import lasting
from opencoderouter.wiring.listen import is_loopback
from opencoderouter.wiring.names import machine, machine_names

if TYPE_CHECKING:  # zeroconf and dnslib are slow to import, and not every router needs them
    from opencoderouter.announce.dns.server import Dns
    from opencoderouter.announce.neighbours import Neighbours
    from opencoderouter.announce.stack import Stack

_log = logging.getLogger(__name__)
_AT_ONCE = 3  # names that are tried one after the other
_FIRST, _LAST = 5.0, 3600.0  # seconds before each further one, twice as long each time


class Announcing:
    """``bound`` are the addresses that the router listens on; ``file`` keeps labels.

    ``told`` is what is announced now. Raises ``announce.dns.binding.Unbound`` when the DNS server
    cannot listen where it should.
    """

    def __init__(
        self, settings: Settings, registry: Registry, bound: Sequence[str], file: LabelFile
    ) -> None:
        self._settings, self._registry, self._file = settings, registry, file
        self.bound = tuple(bound)
        self._manner = Manner(settings.port, settings.scheme, settings.txt, __version__)
        self._base = machine_names(settings)
        self._lost: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._addresses = self._look()
        self.told = Watch(self._announcement())
        self._stack = None if self._why_off() else self._make_stack()
        self._neighbours: Neighbours | None = None
        self._dns = self._make_dns() if settings.dns else None
        self._why_no_dns = ""

    def network(self) -> Network:
        """Return how the router stands on the network now."""
        status = self._stack.status.value if self._stack else None
        return Network(
            port=self._settings.port,
            scheme=self._settings.scheme,
            addresses=self.told.value.addresses,
            mdns=status.state if status else "off",
            reason=status.reason if status else self._why_off(),
            interfaces=tuple(one.name for one in status.interfaces) if status else (),
            dns=tuple(map(format_listening, self._dns.places)) if self._dns else (),
            dns_reason=self._why_no_dns,
        )

    def peers(self) -> tuple[Peer, ...]:
        """Return the other routers that were heard."""
        return self._neighbours.peers.value if self._neighbours else ()

    async def run(self) -> None:
        """Service: tell and hear, until cancelled; then say goodbye.

        What fails is begun again: nobody's requests end because of a name.
        """
        services = {"addresses": self._follow_addresses, "announcement": self._follow_table}
        if self._dns:
            services["dns"] = self._answer
        if self._stack:
            services["mdns"] = partial(self._speak, self._stack)
        async with asyncio.TaskGroup() as group:
            for name, run in services.items():
                group.create_task(lasting(name, run), name=name)

    def _make_stack(self) -> Stack:
        from opencoderouter.announce.stack import Stack

        return Stack(self._settings.mdns_interface)

    def _make_dns(self) -> Dns:
        from opencoderouter.wiring.resolver import resolver

        return resolver(self._settings, self._settings.dns, self.told, self._stack)

    async def _answer(self) -> None:
        """Answer DNS questions, also after a failure, at which the sockets are closed."""
        try:
            self._dns = self._dns or self._make_dns()
            self._why_no_dns = ""
            await self._dns.run()
        except Exception as error:
            self._why_no_dns = _said(error)
            raise
        finally:
            self._dns = None

    async def _speak(self, stack: Stack) -> None:
        """Tell our names by mDNS, and hear those of others."""
        from opencoderouter.announce.accepted import Acceptance, AcceptedFile
        from opencoderouter.announce.browse import Browser
        from opencoderouter.announce.mdns import Mdns
        from opencoderouter.announce.neighbours import Neighbours

        browser = Browser(stack.zeroconf)
        accepted = Acceptance(AcceptedFile(self._settings.state_dir / "peers.json"))
        self._neighbours = Neighbours(browser.heard, self.told, accepted.watch)
        lost: asyncio.Queue[Service] = asyncio.Queue()
        mdns = Mdns(stack, self.told, lost.put_nowait)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rename(lost), name="labels")
            for service in (stack, mdns, browser, accepted, self._neighbours):
                group.create_task(service.run(), name=type(service).__name__.lower())

    async def _rename(self, lost: asyncio.Queue[Service]) -> None:
        """Find another name for each service that loses its own."""
        async with asyncio.TaskGroup() as group:
            while True:
                service = await lost.get()
                group.create_task(self.relabel(service), name="label")

    def _why_off(self) -> str:
        if not self._settings.mdns:
            return "--no-mdns"
        near = all(map(is_loopback, self.bound)) and not self._settings.dns
        return "the router listens on this machine only (--hostname)" if near else ""

    async def relabel(self, service: Service) -> None:
        """Take another name for what another machine has already, and keep it.

        Not at once where names were lost before: who says to have them all would see no end of
        them (RFC 6762 section 8.1).
        """
        slug = service.slug or ROUTER
        self._losses[slug] += 1
        await asyncio.sleep(pause(self._losses[slug]))
        self._lost.add(service.label)
        names = self._names()
        if names.label(slug) != service.label:
            return  # it has another one by now
        taken = {names.label(other) for other in (ROUTER, *self._registry.table.leases.values())}
        used = self._lost | taken
        some = islice(labels(slug, names.owner, machine()), 1, None)
        label = next(label for label in some if label not in used)
        _log.warning("name taken label=%s now=%s", service.label, label)
        self._registry.relabel(slug, label)
        await asyncio.to_thread(self._file.save, slug, label)

    async def _follow_addresses(self) -> None:
        async with aclosing(changes()) as heard:
            async for _ in heard:
                self._addresses = self._look()
                self._publish()

    async def _follow_table(self) -> None:
        async for _ in self._registry.follow():
            self._publish()

    def _publish(self) -> None:
        now = self._announcement()
        if now != self.told.value:
            self.told.set(now)

    def _announcement(self) -> Announcement:
        return announcement(self._registry.table, self._names(), self._manner, self._addresses)

    def _names(self) -> Names:
        return self._base.relabeled(self._registry.table.labels)

    def _look(self) -> tuple[str, ...]:
        """Return the addresses to announce: what the kernel does not tell, nobody can use."""
        try:
            found = interfaces()
        except OSError as error:
            _log.warning("addresses not known error=%s", error)
            return ()
        return announced(wanted(found, self._settings.mdns_interface), self.bound)


def _said(error: Exception) -> str:
    """Return what went wrong; of a group, what did so first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def pause(losses: int) -> float:
    """Return how many seconds to wait until another name is tried."""
    further = losses - _AT_ONCE
    return min(_FIRST * 2.0 ** min(further - 1, 16), _LAST) if further > 0 else 0.0
