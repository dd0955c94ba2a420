"""Who else is on the network: DNS-SD browsing for routers and projects (RFC 6763 section 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from zeroconf import Error, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from opencoderouter.announce.hearing import Records
from opencoderouter.core.announcement import PROJECT, ROUTER
from opencoderouter.core.peers import MOST_PROJECTS, MOST_ROUTERS, Heard, is_label
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)
_MOST = {ROUTER: MOST_ROUTERS, PROJECT: MOST_PROJECTS}  # services of each type
_OFTEN = 2.0  # seconds between two looks at what has expired
_PAUSE = 0.25  # seconds from one look to the next because of news
_PATIENCE = 3.0  # seconds that one question may take
_AT_ONCE = 8  # questions
_VAIN = 4  # questions until somebody who does not answer is forgotten
_AGAIN = 10.0  # seconds until the second of them; each further one waits twice as long
T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    """A service of which somebody has told. ``known``: all of its records are, now.

    While they are not, ``heard`` is what they were; ``after`` is when to ask for them (again).
    """

    kind: str
    name: str
    heard: Heard | None = None
    known: bool = False
    asking: bool = False
    vain: int = 0
    after: float = 0.0


class Browser:
    """Keeps ``heard``: the services of both types, by type and name.

    ``zeroconf`` is the stack of now, None while there is none. With another one all are asked for
    anew; those who do not answer are gone then. What is kept is bounded: who floods the network
    can keep others from being heard, and takes no more memory.
    """

    def __init__(self, zeroconf: Watch[AsyncZeroconf | None]) -> None:
        self._zeroconf = zeroconf
        self._books: dict[str, dict[str, _Entry]] = {kind: {} for kind in _MOST}  # by label
        self._news = asyncio.Event()
        self._full: set[str] = set()  # types with nobody silent, at the last look
        self._told_full = False
        self.heard: Watch[tuple[Heard, ...]] = Watch(())

    async def run(self) -> None:
        """Service: browse, until cancelled."""
        while True:
            current = self._zeroconf.value
            async with asyncio.TaskGroup() as group:
                browsing = group.create_task(self._browse(current), name="browsing")
                await _another(self._zeroconf, current)
                browsing.cancel()

    async def _browse(self, stack: AsyncZeroconf | None) -> None:
        for entry in self._entries():
            entry.known, entry.asking, entry.vain, entry.after = False, False, 0, 0.0
        if stack is None:
            await asyncio.sleep(_PATIENCE)  # it may be on its way
            for book in self._books.values():
                book.clear()
            self._publish()
            return
        types = [f"{kind}.local." for kind in _MOST]
        browser = AsyncServiceBrowser(stack.zeroconf, types, handlers=[self._told])
        try:
            async with asyncio.TaskGroup() as group:
                await self._look(stack.zeroconf, group)
        finally:
            await browser.async_cancel()

    def _told(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """Note that a service has come, changed or gone, as zeroconf says."""
        del zeroconf
        kind, label = service_type.removesuffix(".local."), name.removesuffix(f".{service_type}")
        book, key = self._books[kind], label.lower()
        if state_change is ServiceStateChange.Removed:
            book.pop(key, None)
        elif key in book:
            book[key].after = 0.0
        elif is_label(label) and self._has_room(kind):
            book[key] = _Entry(kind, name)
        self._news.set()

    def _entries(self) -> Iterator[_Entry]:
        return chain.from_iterable(book.values() for book in self._books.values())

    def _has_room(self, kind: str) -> bool:
        """Tell whether there is room for one more; who never told where it is makes some."""
        book = self._books[kind]
        if len(book) < _MOST[kind]:
            return True
        if kind in self._full:  # thousands a second may want to know
            return False
        silent = next((key for key, entry in book.items() if entry.heard is None), None)
        if silent is None:
            self._say_full(kind)
            return False
        del book[silent]
        return True

    def _say_full(self, kind: str) -> None:
        self._full.add(kind)
        if not self._told_full:
            self._told_full = True
            _log.warning("announcements left out type=%s most=%d", kind, _MOST[kind])

    async def _look(self, zeroconf: Zeroconf, group: asyncio.TaskGroup) -> None:
        """Read what is known, again and again, and ask for what is not."""
        while True:
            self._news.clear()
            self._full.clear()
            records = Records(zeroconf.cache)
            for entry in self._entries():
                heard = records.service(entry.kind, entry.name)
                entry.heard, entry.known = heard or entry.heard, heard is not None
                entry.vain = 0 if entry.known else entry.vain
            for entry in self._due():
                entry.asking = True
                group.create_task(self._ask(zeroconf, entry), name="question")
            self._publish()
            await asyncio.sleep(_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(_OFTEN):
                    await self._news.wait()

    def _due(self) -> list[_Entry]:
        now, unknown = _now(), [one for one in self._entries() if not one.known]
        free = _AT_ONCE - sum(one.asking for one in unknown)
        return [one for one in unknown if not one.asking and one.after <= now][:free]

    async def _ask(self, zeroconf: Zeroconf, entry: _Entry) -> None:
        """Ask for the records of a service; who does not answer is forgotten after a while."""
        service, answered = AsyncServiceInfo(f"{entry.kind}.local.", entry.name), False
        # Closed at this very moment: others will be opened. Or its host has a name that zeroconf
        # reads and cannot write, such as one that is no UTF-8: nobody can ask for that.
        with suppress(Error):
            answered = await service.async_request(zeroconf, _PATIENCE * 1000)
        entry.asking = False
        if not answered:
            entry.heard = None
            entry.vain += 1
            entry.after = _now() + _AGAIN * 2 ** (entry.vain - 1)
        if entry.vain == _VAIN:
            self._forget(entry)
        self._news.set()

    def _forget(self, gone: _Entry) -> None:
        for book in self._books.values():
            for key in [key for key, entry in book.items() if entry is gone]:
                del book[key]

    def _publish(self) -> None:
        entries = sorted(self._entries(), key=lambda one: (one.kind, one.name.lower()))
        heard = tuple(one.heard for one in entries if one.heard is not None)
        if heard != self.heard.value:
            self.heard.set(heard)


async def _another(watch: Watch[T], current: T) -> None:
    """Return when there is another value than this one."""
    async for newest in watch.follow():
        if newest is not current:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
