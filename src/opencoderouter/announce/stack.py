"""The multicast sockets of this process: opened where wanted, opened anew when networks change."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from zeroconf import Error, Zeroconf
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.gate import guard
from opencoderouter.announce.reach import wanted
from opencoderouter.core.printable import printable
from opencoderouter.kernel import addresses
from opencoderouter.kernel.addresses import Interface
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)
_SETTLE = 0.2  # seconds: a network that comes up says so several times
_FIRST, _LAST = 1.0, 60.0  # seconds before another try; twice as long each time
_START = 5.0  # seconds that opening may take
_PARTING = 2.0  # seconds that those who use the sockets have for their goodbyes
_REMEMBERED = 100  # messages of the library that are not repeated
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29  # linux/in.h, linux/in6.h
_FAILURES = (OSError, RuntimeError, TimeoutError, Error)


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands. ``reason`` says why it is not on; it is empty when it is."""

    state: Literal["on", "off", "failed"]
    reason: str = ""
    interfaces: tuple[Interface, ...] = ()


class Stack:
    """Keeps ``zeroconf``: the sockets of now on the interfaces that ``patterns`` want, or None.

    Whenever one of these interfaces or its addresses change, everything is opened anew: a socket
    is bound to an address, and after a change of network nothing that was known need be true.
    """

    def __init__(
        self,
        patterns: tuple[str, ...] = (),
        *,
        look: Callable[[], tuple[Interface, ...]] = addresses.interfaces,
        changes: Callable[[], AsyncGenerator[None]] = addresses.changes,
    ) -> None:
        self._patterns, self._look, self._changes = patterns, look, changes
        self._news = asyncio.Event()
        self._unused = asyncio.Event()
        self._unused.set()
        self._users = 0
        self._pause = _FIRST
        self.zeroconf: Watch[AsyncZeroconf | None] = Watch(None)
        self.status = Watch(Status("off", "not started"))

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep the sockets open until the end of the block, though not longer than 2 s."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def run(self) -> None:
        """Service: follow the interfaces, until cancelled. What fails is tried again."""
        quiet, library = _Quiet(), logging.getLogger("zeroconf")
        library.addFilter(quiet)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(), name="interfaces")
                await self._keep()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await self._unused.wait()
            await self._close()
            library.removeFilter(quiet)

    async def _follow(self) -> None:
        async with aclosing(self._changes()) as heard:
            async for _ in heard:
                self._news.set()

    async def _keep(self) -> None:
        while True:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(await self._reconcile()):
                    await self._news.wait()
                self._pause = _FIRST
                await asyncio.sleep(_SETTLE)

    async def _reconcile(self) -> float | None:
        """Open what is wanted now. Return after how many seconds to try again, if at all."""
        try:
            now = wanted(self._look(), self._patterns)
            if self.status.value.state == "on" and self.status.value.interfaces == now:
                return None
            await self._close()
            if not now:
                chosen = f" that --mdns-interface means ({','.join(self._patterns)})"
                more = chosen if self._patterns else ""
                self._say(Status("off", f"no network interface with an address{more}"))
                return None
            opened = await _opened(now)
        except _FAILURES as error:
            await self._close()
            self._say(Status("failed", _reason(error)))
            pause, self._pause = self._pause, min(2 * self._pause, _LAST)
            return pause
        self._pause = _FIRST
        self._say(Status("on", "", now))
        self.zeroconf.set(opened)
        return None

    def _say(self, status: Status) -> None:
        if status == self.status.value:
            return
        self.status.set(status)
        names = ",".join(one.name for one in status.interfaces)
        level = logging.WARNING if status.state == "failed" else logging.INFO
        _log.log(level, "mdns state=%s interfaces=%s reason=%s", status.state, names, status.reason)

    async def _close(self) -> None:
        """Close without a goodbye: what was told may still be true."""
        opened = self.zeroconf.value
        self.zeroconf.set(None)
        if opened is not None:
            registry = opened.zeroconf.registry
            registry.async_remove(registry.async_get_service_infos())
            await opened.async_close()


async def _opened(interfaces: tuple[Interface, ...]) -> AsyncZeroconf:
    opened = AsyncZeroconf(interfaces=[end for one in interfaces for end in _ends(one)])
    try:
        async with asyncio.timeout(_START):
            await opened.zeroconf.async_wait_for_start()
        _see_senders(opened.zeroconf)
        for reader in opened.zeroconf.engine.readers:
            _hear_only_joined(reader.sock)
        guard(opened.zeroconf, interfaces)
    except BaseException:
        await opened.async_close()
        raise
    return opened


def _see_senders(zeroconf: Zeroconf) -> None:
    """Raise OSError when there is no interface to send on."""
    if not zeroconf.engine.senders:
        raise OSError(errno.ENETUNREACH, "no interface takes multicast")


def _hear_only_joined(opened: socket.socket) -> None:
    """Do not hear what is said where only another program listens: interfaces may be excluded.

    Not all kernels can tell it apart.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        opened.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)


def _ends(interface: Interface) -> Iterator[str | int]:
    """Name an interface as zeroconf wants it: an IPv4 address of it, its index for IPv6."""
    yield from [one for one in interface.addresses if ":" not in one][:1]
    if any(":" in one for one in interface.addresses) and not interface.loopback:
        yield interface.index


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            "port 5353 is held by a program that does not share it "
            "(for avahi-daemon: disallow-other-stacks=no)"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return printable(str(error)) or type(error).__name__


class _Quiet(logging.Filter):
    """Says in one line, and once, what zeroconf would say with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, None] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Take each record: none goes on as it is."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING and text not in self._said:
            if len(self._said) >= _REMEMBERED:
                del self._said[next(iter(self._said))]
            self._said[text] = None
            _log.warning("mdns note=%s", printable(text))
        return False
