"""What the handlers of the proxy are given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from opencoderouter.core.fleet.watched import Watching
from opencoderouter.core.grant import Caller, Grant
from opencoderouter.core.histogram import Histogram
from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.managed import Supervisor
from opencoderouter.core.model import Backend, Listener
from opencoderouter.core.peers import Peer
from opencoderouter.proxy.lane.stats import Snapshot
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.registry import Registry

Address = tuple[str, int]  # and its port
# What the lane tells the application of who asks: `core.grant.to_json`. No client can send it.
IDENTITY = "X-Forwarded-User"


class Inquirer(Protocol):
    """The one question that the proxy asks backends on its own account."""

    async def busy(self, listener: Listener) -> frozenset[str] | None:
        """Return the ids of the sessions at work, or None when the server does not tell."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What ``/api/metrics`` is made of, but for the table.

    ``snapshots`` returns what processes have counted, to be added up. ``discovery`` are the seconds
    from when a listener was first seen until it could take requests; ``scan`` those that it took to
    look at all listeners when some had come or gone.
    """

    snapshots: Callable[[], Sequence[Snapshot]] = tuple
    discovery: Histogram = field(default_factory=lambda: Histogram(()))
    scan: Histogram = field(default_factory=lambda: Histogram(()))


@dataclass(frozen=True, slots=True)
class Network:
    """How the router stands on the network: ``addresses`` are those that are announced.

    ``mdns`` is ``on``, ``off`` or, for a ``reason``, ``failed``, on these ``interfaces``; ``dns``
    are the places (``ADDRESS:PORT``) where the DNS server listens; ``dns_reason`` says why it does
    not, where it should.
    """

    port: int = 0
    scheme: str = "http"
    addresses: tuple[str, ...] = ()
    mdns: str = "off"
    reason: str = ""
    interfaces: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_reason: str = ""


class Tickets(Protocol):
    """Lets a browser that is known here be known at the router's other names, once and soon."""

    def issue(self, grant: Grant, origin: str, host: str) -> str:
        """Return a ticket for whoever calls from ``origin`` for ``host``."""
        ...

    def redeem(self, ticket: str, origin: str, host: str) -> Grant | None:
        """Return what the ticket was issued for, the first time; None when it is not good."""
        ...


class Door(Protocol):
    """Tells who is at the other end of a connection."""

    def look(
        self, client: Address, server: Address, decided: Callable[[Caller], None]
    ) -> Caller | None:
        """Return who it is; None when that takes a moment: ``decided`` is called then."""
        ...

    async def run(self) -> None:
        """Service: find out what takes a moment, until cancelled."""
        ...


class Record(Protocol):
    """Writes what happened into the audit log."""

    def __call__(self, event: str, /, **facts: object) -> None:
        """Note one event; no secret is among the facts."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Who comes in, as far as the application decides it.

    ``keyring`` is the one of now, ``log_out`` ends a login session (its id, and when it would have
    ended), ``now`` is in POSIX seconds, as everything in a keyring; ``strikes`` count failures.
    """

    keyring: Callable[[], Keyring]
    log_out: Callable[[str, float], None]
    tickets: Tickets
    strikes: Strikes
    record: Record
    now: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Context:
    """One router.

    ``username`` is whose it is, as shown; ``boot`` differs from run to run; ``last_seen`` tells
    when a backend last showed that it lives (UTC); ``closing`` is set when the router stops:
    streams end then. ``peers`` are the other routers of the network, ``fleet`` is what is known of
    SSH hosts.
    """

    registry: Registry
    supervisor: Supervisor
    client: Inquirer
    names: Names
    username: str
    boot: str
    last_seen: Callable[[Backend], datetime]
    closing: asyncio.Event
    access: Access
    figures: Figures = field(default_factory=Figures)
    peers: Callable[[], tuple[Peer, ...]] = tuple
    network: Callable[[], Network] = Network
    fleet: Callable[[], Watching] = Watching

    @property
    def naming(self) -> Names:
        """Return the names as they are on the network now."""
        return self.names.relabeled(self.registry.table.labels)
