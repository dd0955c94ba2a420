"""What the handlers of the proxy are given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from opencoderouter.core.histogram import Histogram
from opencoderouter.core.hosts import Names
from opencoderouter.core.managed import Supervisor
from opencoderouter.core.model import Backend, Listener
from opencoderouter.proxy.lane.stats import Snapshot
from opencoderouter.registry import Registry


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
class Context:
    """One router.

    ``username`` is whose it is, as shown; ``boot`` differs from run to run; ``last_seen`` tells
    when a backend last showed that it lives (UTC); ``closing`` is set when the router stops:
    streams end then.
    """

    registry: Registry
    supervisor: Supervisor
    client: Inquirer
    names: Names
    username: str
    boot: str
    last_seen: Callable[[Backend], datetime]
    closing: asyncio.Event
    figures: Figures = field(default_factory=Figures)
