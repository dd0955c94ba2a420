"""Holding a name on the network: probing for it, telling it, defending it (RFC 6762 8 and 9).

::

    probing -> nobody objects -> telling -> somebody says otherwise -> probing
            -> somebody has it -> lost
            -> somebody else probes, and comes first -> a second later, probing
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum

from zeroconf import Error, ServiceInfo, Zeroconf
from zeroconf._dns import DNSRecord

from opencoderouter.announce.claim import Claim, Rdata, answer, rdata, yields
from opencoderouter.core.announcement import Service

_log = logging.getLogger(__name__)
_PROBES = 3
_START = 0.1  # seconds: machines that start together do not probe together
_INTERVAL = 0.25  # seconds between two probes
_DEFERRED = 1.0  # seconds that who comes second waits
_DEFERRALS = 5  # then somebody probes for ever
_AGAIN = 1.2  # seconds until all is told again: what is older than one is replaced by that
_PAUSE, _LAST = 1.0, 60.0  # seconds until what has failed is tried again
_GOODBYES = (0.125, 0.125, 0.0)  # seconds after each of them
_DEFENCE = 0.25  # seconds between two answers to probes
_ROUNDS, _WINDOW = 3, 60.0  # so often in so many seconds a name is defended
_REMEMBERED = 64  # records that we have said


class _Found(Enum):
    FREE = "nobody objects"
    TAKEN = "somebody has it"
    BEATEN = "somebody else probes for it, and comes first"


class Holder:
    """Holds the names of one service; ``lost`` is called at most once."""

    def __init__(self, claim: Claim, lost: Callable[[Service], None]) -> None:
        self._claim, self._lost = claim, lost
        self._ours: dict[tuple[str, Rdata], None] = {}  # a set that knows what is oldest
        self._news = asyncio.Event()
        self._found = _Found.FREE
        self._info: ServiceInfo | None = None  # as registered
        self._conflicts: list[float] = []
        self._defended = 0.0
        self.is_lost = False

    @property
    def names(self) -> tuple[str, str]:
        """Return the names of host and instance, in lower case."""
        return self._claim.host.lower(), self._claim.instance.lower()

    def update(self, claim: Claim) -> None:
        """Tell something else of the same names from now on."""
        if claim != self._claim:
            self._claim = claim
            if self._info is not None:
                self._news.set()

    def heard(self, record: DNSRecord) -> None:
        """Take note of a record of one of the names that somebody has answered."""
        name, said = record.key, rdata(record)
        if (name, said) in self._ours or not self._claim.contradicted(name, said):
            return
        self._found = _Found.TAKEN
        self._news.set()

    def probed(self, name: str, proposed: Iterable[Rdata]) -> None:
        """Take note of what somebody wants to have at one of the names."""
        theirs = set(proposed)
        if self._info is not None or all((name, one) in self._ours for one in theirs):
            return  # it is answered, or it is our own probe that comes back
        if yields(self._claim.proposed()[name], theirs) and self._found is _Found.FREE:
            self._found = _Found.BEATEN
            self._news.set()

    def asked(self, zeroconf: Zeroconf) -> None:
        """Answer a question for all records of the host, to which zeroconf says nothing."""
        now = asyncio.get_running_loop().time()
        if self._info is not None and now - self._defended >= _DEFENCE:
            self._defended = now
            zeroconf.async_send(answer(self._info.get_address_and_nsec_records()))

    async def run(self, zeroconf: Zeroconf) -> None:
        """Service: hold the names until cancelled, then say goodbye; or until they are lost.

        What fails is tried again, later and later.
        """
        pause = _PAUSE
        while not await self._hold(zeroconf):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST)
        self.is_lost = True
        _log.warning("mdns name lost host=%s", self._claim.service.host)
        self._lost(self._claim.service)

    async def _hold(self, zeroconf: Zeroconf) -> bool:
        """Hold the names until they are lost; tell whether they are, and nothing went wrong."""
        try:
            while await self._free(zeroconf) and self._may_defend():
                await self._tell(zeroconf)
        except (OSError, ValueError, Error) as error:
            _log.warning("mdns not announced host=%s error=%r", self._claim.service.host, error)
            return False
        else:
            return True
        finally:
            with suppress(OSError, ValueError, Error):
                await self._withdraw(zeroconf)

    async def _free(self, zeroconf: Zeroconf) -> bool:
        """Probe until it is clear whether the names can be had."""
        await asyncio.sleep(random.uniform(0, _START))  # noqa: S311 - no secret
        for _ in range(_DEFERRALS):
            found = await self._probe(zeroconf)
            if found is not _Found.BEATEN:
                return found is _Found.FREE
            await asyncio.sleep(_DEFERRED)
        return False

    async def _probe(self, zeroconf: Zeroconf) -> _Found:
        self._news.clear()
        self._found = _Found.FREE
        for number in range(_PROBES):
            self._remember()
            # An answer by unicast comes sooner, but reaches only one of the programs that share
            # the port (RFC 6762 section 15.1).
            zeroconf.async_send(self._claim.probe(unicast=number == 0))
            if await self._is_news(_INTERVAL):
                break
        return self._found

    async def _is_news(self, within: float | None) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self._news.wait()
        return False

    def _may_defend(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._conflicts = [one for one in self._conflicts if now - one < _WINDOW]
        return len(self._conflicts) < _ROUNDS

    async def _tell(self, zeroconf: Zeroconf) -> None:
        """Register the service and announce it, and each change, until there is a conflict."""
        while self._found is _Found.FREE:
            self._news.clear()
            self._register(zeroconf)
            for pause in (_AGAIN, None):
                self._announce(zeroconf)
                if await self._is_news(pause):
                    break
        self._conflicts.append(asyncio.get_running_loop().time())
        _log.info("mdns conflict host=%s", self._claim.service.host)
        # No goodbye: what is ours may be said by the other one, too, and its answers replace ours.
        if self._info is not None:
            zeroconf.registry.async_remove(self._info)
            self._info = None

    def _register(self, zeroconf: Zeroconf) -> None:
        self._remember()
        before, self._info = self._info, self._claim.info()
        zeroconf.registry.async_update(self._info)
        if before is None:
            _log.info("mdns announced host=%s", self._claim.service.host)
            return
        stays = set(map(rdata, self._info.dns_addresses()))
        gone = [one for one in before.dns_addresses(override_ttl=0) if rdata(one) not in stays]
        if gone:
            zeroconf.async_send(answer(gone))

    def _announce(self, zeroconf: Zeroconf) -> None:
        if self._info is not None:
            zeroconf.async_send(zeroconf.generate_service_broadcast(self._info, None))

    async def _withdraw(self, zeroconf: Zeroconf) -> None:
        info, self._info = self._info, None
        if info is None:
            return
        zeroconf.registry.async_remove(info)
        # Two services may be at one host.
        alone = not zeroconf.registry.async_get_infos_server(self._claim.host.lower())
        for pause in () if zeroconf.done else _GOODBYES:
            zeroconf.async_send(zeroconf.generate_service_broadcast(info, 0, alone))
            await asyncio.sleep(pause)

    def _remember(self) -> None:
        """Know what we say from now on: it may come back, much later, too (reflectors, caches)."""
        for name, records in self._claim.proposed().items():
            for record in records:
                self._ours.pop((name, record), None)
                self._ours[name, record] = None
        for oldest in list(self._ours)[:-_REMEMBERED]:
            del self._ours[oldest]
