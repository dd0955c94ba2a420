"""How often each origin may ask the router itself for something: pages, the API, the login."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.errors import refused
from opencoderouter.proxy.lane.shared import one
from opencoderouter.proxy.who import who

_BURST = 2.0  # seconds' worth of requests that may come at once
_MOST = 4096  # origins; who has asked longest ago is forgotten
_MORE = 10  # as many as others may who are free to ask
_FREE = frozenset({"peer", "off"})
_ROUNDING = 1e-6


class Buckets:
    """A token bucket for each origin, filled with ``rate`` tokens a second, holding twice as many.

    What is kept of a bucket is when it is going to be full again.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._full: dict[bytes, float] = {}  # whoever has asked last stands last

    def __len__(self) -> int:
        """Return how many origins are known."""
        return len(self._full)

    def take(self, origin: str, now: float, *, more: int = 1) -> float:
        """Take a token and return 0.0; or return the seconds until there is one.

        ``origin`` is an address (of IPv6 its /64 counts) or a user of this machine, and may have
        ``more`` times as many; ``now`` are seconds of any clock.
        """
        each = 1 / (self._rate * more)
        who = one(origin)
        full = max(self._full.pop(who, now), now)
        wait = full - now + each - _BURST
        free = wait <= _ROUNDING
        self._full[who] = full + each if free else full
        if len(self._full) > _MOST:
            del self._full[next(iter(self._full))]
        return 0.0 if free else wait


def paced(rate: float, clock: Callable[[], float] = time.monotonic) -> Middleware:
    """Return what refuses requests above ``rate`` a second; twice as many may come at once.

    An event stream is one request.
    """
    buckets = Buckets(rate)

    @web.middleware
    async def pace(request: web.Request, handler: Handler) -> web.StreamResponse:
        asks = who(request)
        more = _MORE if asks.grant is not None and asks.grant.via in _FREE else 1
        wait = buckets.take(asks.origin, clock(), more=more)
        return refused(request, _too_many(wait)) if wait else await handler(request)

    return pace


def _too_many(wait: float) -> Refuse:
    return Refuse(
        429,
        "too_many_requests",
        "This address asks the router for more than `--api-rate` allows.",
        "Ask again in a moment, and less often.",
        wait=ceil(wait),
    )
