"""Who comes in, where a test does not care, or decides it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes import OPEN
from tests.rig import workers

from opencoderouter.access.door import Door
from opencoderouter.access.tickets import Tickets
from opencoderouter.core.keyring import Keyring
from opencoderouter.proxy.context import Access
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.watch import Watch

NOW = 1_790_000_000.0  # POSIX seconds


class _NoKin:
    def agents(self, _: object) -> frozenset[int]:
        return frozenset()


def nobody() -> Door:
    """Return a door that knows nobody: all are strangers."""
    return Door("off", 0, None, _NoKin())


class Entry:
    """What lets people in, in the test's hands; ``events`` is what the audit log would have."""

    def __init__(self, keyring: Keyring = OPEN, clock: float = NOW) -> None:
        self.watch = Watch(keyring)
        self.clock = clock
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.logged_out: dict[str, float] = {}
        self.strikes = Strikes.create(1 + workers.count)

    @property
    def keyring(self) -> Keyring:
        """Return the keyring of now."""
        return self.watch.value

    @keyring.setter
    def keyring(self, value: Keyring) -> None:
        self.watch.set(value)

    def record(self, event: str, /, **facts: object) -> None:
        """Take note of an event."""
        self.events.append((event, facts))

    def access(self) -> Access:
        """Return what the application is given."""
        return Access(
            keyring=lambda: self.keyring,
            log_out=self.logged_out.__setitem__,
            tickets=Tickets(lambda: self.clock),
            strikes=self.strikes,
            record=self.record,
            now=lambda: self.clock,
        )
