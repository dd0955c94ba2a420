"""Everything that is announced by mDNS: one holder of names for each service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from zeroconf import RecordUpdate, RecordUpdateListener, Zeroconf
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.claim import Claim, asks_any, rdata
from opencoderouter.announce.gate import gates
from opencoderouter.announce.probing import Holder
from opencoderouter.announce.stack import Stack
from opencoderouter.core.announcement import Announcement, Service
from opencoderouter.watch import Watch

_ANY = 255
_Key = tuple[str, str]  # kind and label


class Mdns:
    """Announces what ``announcement`` says, on the sockets of ``stack``.

    ``lost`` is called when somebody else has, or insists on, the host name or the instance name of
    a service, once for each: it is not announced again before it has been out of ``announcement``.
    """

    def __init__(
        self, stack: Stack, announcement: Watch[Announcement], lost: Callable[[Service], None]
    ) -> None:
        self._stack, self._announcement, self._lost = stack, announcement, lost
        self._news = asyncio.Event()
        self._holders: dict[_Key, Holder] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._names: dict[str, list[Holder]] = {}
        self._on: AsyncZeroconf | None = None

    async def run(self) -> None:
        """Service: announce, until cancelled; then say goodbye, which takes a quarter of a second.

        Of what goes wrong with one service the others feel nothing.
        """
        with self._stack.used():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(self._stack.zeroconf), name="mdns stack")
                group.create_task(self._follow(self._announcement), name="announcement")
                while True:
                    self._news.clear()
                    self._move()
                    self._hold(group)
                    await self._news.wait()

    async def _follow(self, watch: Watch[AsyncZeroconf | None] | Watch[Announcement]) -> None:
        async for _ in watch.follow():
            self._news.set()

    def _move(self) -> None:
        """Go on with other sockets where there are some: all names are probed for again."""
        if self._on is self._stack.zeroconf.value:
            return
        self._on = self._stack.zeroconf.value
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        if self._on is not None:
            _listen(self._on.zeroconf, self._names)

    def _hold(self, group: asyncio.TaskGroup) -> None:
        """Have a holder at work for each service that is to be announced, and no other."""
        claims = _claims(self._announcement.value)
        for key in self._holders.keys() - claims.keys():
            del self._holders[key]
            if key in self._tasks:
                self._tasks.pop(key).cancel()
        for key, claim in claims.items():
            holder = self._holders.setdefault(key, Holder(claim, self._lost))
            holder.update(claim)
            if self._on is not None and key not in self._tasks and not holder.is_lost:
                hold = holder.run(self._on.zeroconf)
                self._tasks[key] = group.create_task(hold, name=f"mdns {claim.service.label}")
        self._names.clear()
        for holder in self._holders.values():
            for name in holder.names:
                self._names.setdefault(name, []).append(holder)


def _claims(said: Announcement) -> dict[_Key, Claim]:
    if not said.addresses:
        return {}
    return {(one.kind, one.label): Claim(one, said.addresses) for one in said.services}


def _listen(zeroconf: Zeroconf, names: dict[str, list[Holder]]) -> None:
    """Let the holders hear what is answered and what is asked."""
    zeroconf.async_add_listener(_Answers(names), None)
    for gate in gates(zeroconf):
        gate.inner = _Questions(gate.inner, zeroconf, names)


class _Answers(RecordUpdateListener):
    """Hears every record that is not a goodbye."""

    def __init__(self, names: dict[str, list[Holder]]) -> None:
        self._names = names

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Tell whom it concerns."""
        del zc
        for update in records:
            for holder in self._names.get(update.new.key, ()):
                if not update.new.is_expired(now):
                    holder.heard(update.new)


class _Questions(asyncio.DatagramProtocol):
    """Hears the probes of others, which zeroconf keeps to itself, before zeroconf gets them."""

    def __init__(
        self, inner: asyncio.DatagramProtocol, zeroconf: Zeroconf, names: dict[str, list[Holder]]
    ) -> None:
        self._inner, self._zeroconf, self._names = inner, zeroconf, names

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Look at what may be a probe."""
        if self._names and asks_any(data):
            self._hear(DNSIncoming(data))
        self._inner.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass on what a socket says."""
        self._inner.error_received(exc)

    def _hear(self, message: DNSIncoming) -> None:
        if not message.valid:
            return
        asked = {one.key for one in message.questions if one.type == _ANY}
        for name in asked & self._names.keys():
            proposed = [rdata(one) for one in message.answers() if one.key == name]
            for holder in self._names[name]:
                if message.is_probe():
                    holder.probed(name, proposed)
                if name == holder.names[0]:
                    holder.asked(self._zeroconf)
