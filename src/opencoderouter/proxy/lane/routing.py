"""What the lane of one process is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.table import Table
from opencoderouter.proxy.context import Door, Inquirer, Record
from opencoderouter.proxy.lane.accesslog import AccessLog
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.pool import Dial, Proof
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.lane.strikes import Strikes


@dataclass(frozen=True, slots=True)
class Routing:
    """All that the lane of one process needs. ``closing`` is set when the router stops.

    ``keyring`` returns that of now, and ``now`` is in POSIX seconds; ``scheme`` is that of the
    listening sockets. ``proof`` tells who gets a connection to an address, where the kernel does.
    """

    table: Callable[[], Table]
    names: Names
    inquirer: Inquirer
    dial: Dial
    limits: Limits
    occupancy: Occupancy
    stats: Stats
    access: AccessLog | None
    closing: asyncio.Event
    keyring: Callable[[], Keyring]
    door: Door
    strikes: Strikes
    record: Record
    now: Callable[[], float]
    scheme: str = "http"
    proof: Proof | None = None
