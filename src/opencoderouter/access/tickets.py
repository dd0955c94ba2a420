"""Tickets: they take a login from one of the router's names to another, once and soon."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from opencoderouter.core.grant import Grant

LIFE = 30.0  # seconds
MOST = 1024  # that wait; the oldest make room for more
_OCTETS = 24  # 192 bits


@dataclass(frozen=True, slots=True)
class _Issued:
    grant: Grant
    origin: str
    host: str
    until: float


class Tickets:
    """All tickets that are under way. ``clock`` returns seconds, and is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, _Issued] = {}  # the oldest first

    def issue(self, grant: Grant, origin: str, host: str) -> str:
        """Return a ticket for whoever calls from ``origin`` for ``host``. It is safe in a URL."""
        ticket = secrets.token_urlsafe(_OCTETS)
        self._make_room()
        self._issued[ticket] = _Issued(grant, origin, host, self._clock() + LIFE)
        return ticket

    def redeem(self, ticket: str, origin: str, host: str) -> Grant | None:
        """Return what the ticket was issued for; None when it is not good, or not good here.

        It is good once: whoever shows it in a wrong place has spent it.
        """
        issued = self._issued.pop(ticket, None)
        if issued is None or self._clock() >= issued.until:
            return None
        return issued.grant if (issued.origin, issued.host) == (origin, host) else None

    def _make_room(self) -> None:
        now = self._clock()
        late = [ticket for ticket, issued in self._issued.items() if now >= issued.until]
        surplus = list(self._issued)[: max(0, len(self._issued) - MOST + 1)]
        for ticket in {*late, *surplus}:
            del self._issued[ticket]
