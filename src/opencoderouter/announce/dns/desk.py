"""What UDP and TCP share: the zone of now, answers that were given before, and what takes time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

from opencoderouter.announce.dns import answer as deciding
from opencoderouter.announce.dns.answer import (
    Answer,
    Bridge,
    Drop,
    Forward,
    Kind,
    Refuse,
    Rules,
    decide,
    failure,
    refused,
)
from opencoderouter.announce.dns.cache import Cache
from opencoderouter.announce.dns.codec import Reply, encode
from opencoderouter.announce.dns.forward import Forwarder
from opencoderouter.announce.dns.records import Ask, Heard, Near, Silence
from opencoderouter.announce.dns.zone import Zone

_log = logging.getLogger(__name__)
BRIDGE_PATIENCE = 3.0  # seconds
_SLOW = 256  # questions at once that others are asked for

Slow = Bridge | Forward
# Runs it, as long as the server does.
Start = Callable[[Coroutine[None, None, None]], object]


@dataclass(slots=True)
class Counts:
    """How many packets came, and what became of them. Each of the others is a part of ``asked``."""

    asked: int = 0
    cached: int = 0
    answered: int = 0
    bridged: int = 0
    forwarded: int = 0
    refused: int = 0
    limited: int = 0
    dropped: int = 0
    failed: int = 0  # SERVFAIL: the bridge or the other servers have no answer


class Desk:
    """Answers questions of clients that may ask; for one event loop."""

    def __init__(
        self, zone: Zone, ask: Ask | None, near: Near, forwarder: Forwarder | None
    ) -> None:
        self.counts = Counts()
        self._zone, self._ask, self._near, self._forwarder = zone, ask, near, forwarder
        self._rules = Rules(bridge=ask is not None, forward=forwarder is not None)
        self._caches = {False: Cache(), True: Cache()}  # by tcp
        self._slow = 0

    @property
    def zone(self) -> Zone:
        """Return the zone that answers are from."""
        return self._zone

    @zone.setter
    def zone(self, zone: Zone) -> None:
        self._zone = zone
        for cache in self._caches.values():
            cache.clear()

    def look(self, packet: bytes, client: str, *, tcp: bool) -> Answer | Slow | None:
        """Return the answer, or what is to be asked of others (``settle``); None for nothing."""
        counts, cache = self.counts, self._caches[tcp]
        if (kept := cache.find(packet)) is not None:
            counts.cached += 1
            return Answer(packet[:2] + kept.wire, kept.kind)
        decision = decide(packet, self._zone, self._rules, tcp=tcp)
        if isinstance(decision, Answer):
            counts.answered += 1
            cache.keep(packet, decision)
            return decision
        if isinstance(decision, Drop):
            counts.dropped += 1
            return None
        return self._admitted(decision, client)

    def _admitted(self, decision: Refuse | Slow, client: str) -> Answer | Slow:
        if isinstance(decision, Bridge) and not self._near(client):
            decision = refused(decision.query)
        if isinstance(decision, Refuse):
            self.counts.refused += 1
            return Answer(decision.wire, Kind.ERROR)
        return self._bounded(decision)

    def _bounded(self, slow: Slow) -> Answer | Slow:
        if self._slow < _SLOW:
            return slow
        self.counts.failed += 1
        return Answer(failure(slow.query), Kind.ERROR)

    async def settle(self, slow: Slow, client: str) -> Answer:
        """Return the answer, within seconds."""
        self._slow += 1
        try:
            if isinstance(slow, Bridge):
                found = await self._hear(slow, client)
            else:
                found = await self._pass_on(slow)
        except Exception:  # noqa: BLE001 - one question must not end the server, and all else
            _log.exception("question failed type=%d", slow.query.type)
            self.counts.failed += 1
            found = Answer(failure(slow.query), Kind.ERROR)
        finally:
            self._slow -= 1
        return found

    async def _hear(self, bridge: Bridge, client: str) -> Answer:
        self.counts.bridged += 1
        heard: Heard = Silence.BUSY
        with suppress(TimeoutError):
            async with asyncio.timeout(BRIDGE_PATIENCE):
                heard = await self._ask(bridge.name, bridge.type, client) if self._ask else heard
        self.counts.failed += heard is Silence.BUSY
        return deciding.bridged(bridge, heard, self._zone, self._rules)

    async def _pass_on(self, forward: Forward) -> Answer:
        self.counts.forwarded += 1
        wire = await self._forwarder.ask(forward.query) if self._forwarder else None
        if wire is None:
            self.counts.failed += 1
            return Answer(failure(forward.query), Kind.ERROR)
        if len(wire) > forward.room:
            wire = encode(forward.query, Reply(cut=True, recursion=True), room=forward.room)
        return Answer(wire, Kind.ANSWER)
