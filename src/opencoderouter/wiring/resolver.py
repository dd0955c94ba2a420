"""The DNS server: in the router, and beside it."""

from __future__ import annotations

import time

from opencoderouter.announce.bridge import Bridge
from opencoderouter.announce.dns.server import Dns
from opencoderouter.announce.dns.server import Settings as Serving
from opencoderouter.announce.near import Near
from opencoderouter.announce.stack import Stack
from opencoderouter.core.announcement import Announcement
from opencoderouter.kernel.addresses import interfaces
from opencoderouter.settings import Settings
from opencoderouter.watch import Watch
from opencoderouter.wiring.clock import clock

_DNS = 53  # the port of servers that questions are passed on to


def resolver(
    settings: Settings,
    places: tuple[tuple[str, int], ...],
    told: Watch[Announcement],
    stack: Stack | None,
) -> Dns:
    """Return a server that is bound at ``places``; without a ``stack`` it asks nobody by mDNS.

    Raises ``announce.dns.binding.Unbound``.
    """
    serving = Serving(
        places,
        settings.dns_zone,
        settings.dns_claim_local,
        tuple((address, _DNS) for address in settings.dns_forward),
        settings.dns_allow,
    )
    ask = Bridge(stack.zeroconf, time.monotonic).ask if stack else None
    return Dns(serving, told, int(clock()), ask, Near(interfaces, time.monotonic))
