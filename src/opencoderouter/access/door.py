"""Tells who is at the other end of a connection: our own user, an agent's tool, or somebody else.

Only what the kernel says exactly counts. Where it says nothing (another machine, another network
namespace, a socket that is closed already) the caller is nobody in particular.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from opencoderouter.core.grant import Caller, is_loopback
from opencoderouter.core.keyring import Auth
from opencoderouter.kernel.peers import Owner

_log = logging.getLogger(__name__)
Address = tuple[str, int]  # and its port
_MANY = 256  # that are asked about at once


class Peers(Protocol):
    """Who owns the sockets of this machine."""

    def client(self, client: Address, server: Address) -> Owner | None:
        """Return who owns the client's end of a connection; None when that is not known."""
        ...


class Kin(Protocol):
    """Which sockets agents have."""

    def agents(self, inodes: Collection[int]) -> frozenset[int]:
        """Return those of these sockets that an OpenCode server, or what it started, has."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    client: Address
    server: Address
    owner: Owner
    decided: Callable[[Caller], None]


class Door:
    """``uid`` is the router's own; ``peers`` is None where the kernel cannot be asked.

    Agents run as our own user and are not free, or they could approve what they ask for: to find
    out takes some milliseconds and a thread.
    """

    def __init__(self, auth: Auth, uid: int, peers: Peers | None, kin: Kin) -> None:
        self._auth, self._uid, self._peers, self._kin = auth, uid, peers, kin
        self._waiting: list[_Waiting] = []
        self._bell = asyncio.Event()

    def look(
        self, client: Address, server: Address, decided: Callable[[Caller], None]
    ) -> Caller | None:
        """Return who it is; None when that takes a moment: ``decided`` is called then."""
        if self._auth == "off" or self._peers is None:
            return Caller(client[0])
        owner = self._peers.client(client, server)
        if owner is None:
            return Caller(client[0])
        maybe = owner.uid == self._uid and self._auth == "auto" and is_loopback(client[0])
        if not maybe:
            return Caller(client[0], owner.uid)
        self._waiting.append(_Waiting(client, server, owner, decided))
        self._bell.set()
        return None

    async def run(self) -> None:
        """Service: find out who are agents, until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="door") as pool:
            while True:
                await self._bell.wait()
                self._bell.clear()
                while self._waiting:
                    some, self._waiting = self._waiting[:_MANY], self._waiting[_MANY:]
                    agents = await self._agents(pool, {one.owner.inode for one in some})
                    for one in some:
                        self._decide(one, agents)

    async def _agents(self, pool: ThreadPoolExecutor, inodes: set[int]) -> frozenset[int]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(pool, self._kin.agents, inodes)
        except Exception:  # noqa: BLE001 - whatever it is, nobody is free then
            _log.exception("peers not known number=%d", len(inodes))
            return frozenset(inodes)

    def _decide(self, one: _Waiting, agents: frozenset[int]) -> None:
        try:
            one.decided(self._caller(one, agents))
        except Exception:  # noqa: BLE001 - one connection must not end them all
            _log.exception("failed peer=%s", one.client[0])

    def _caller(self, one: _Waiting, agents: frozenset[int]) -> Caller:
        """Return who it is: free, if the socket is still there, so that its holder was seen."""
        still = self._peers is not None and self._peers.client(one.client, one.server) == one.owner
        return Caller(one.client[0], self._uid, still and one.owner.inode not in agents)
