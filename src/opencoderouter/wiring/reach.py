"""How the hosts of a fleet are reached, as the preferences are now."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from opencoderouter.core.fleet.model import Resolved, Unreached
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.transport import Link
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver


class Reach:
    """Links to hosts: of other preferences than before, other links. All end with the block."""

    def __init__(self, preferences: Preferences) -> None:
        self._known: dict[str, Resolved] = {}
        self._wanted = _wanted(preferences)
        self._resolver, self._links = self._made(preferences)

    async def __aenter__(self) -> Self:
        await self._links.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._links.__aexit__(kind, error, trace)

    def link(self, alias: str) -> Link:
        """Return the link of a host."""
        return self._links.link(alias)

    async def resolved(self, aliases: Iterable[str]) -> dict[str, Resolved]:
        """Return what ssh makes of these now; those that it does not take are left out.

        Hosts are reached as it was said here last: to look at ssh's files each time would be the
        most that a program does which asks 200 hosts.
        """
        resolver = self._resolver
        found = await resolver.resolve(aliases)
        known = {alias: one for alias, one in found.items() if isinstance(one, Resolved)}
        if resolver is self._resolver:
            self._known = known
        return known

    async def follow(self, preferences: Preferences) -> bool:
        """Reach hosts as these preferences say from now on; tell whether that is another way.

        What runs by the old way ends.
        """
        wanted = _wanted(preferences)
        if wanted == self._wanted:
            return False
        resolver, links = self._made(preferences)
        await links.__aenter__()
        old = self._links
        self._wanted, self._resolver, self._links = wanted, resolver, links
        self._known = {}
        await old.__aexit__(None, None, None)
        return True

    def _made(self, preferences: Preferences) -> tuple[Resolver, FleetLinks]:
        resolver = Resolver(preferences.ssh.config)

        async def resolve(alias: str) -> Resolved | Unreached:
            return self._known.get(alias) or await resolver.one(alias)

        return resolver, FleetLinks(preferences.ssh, preferences.polling, resolve)


def _wanted(preferences: Preferences) -> object:
    """Return what links are made of."""
    return preferences.ssh, preferences.polling.max_parallel
