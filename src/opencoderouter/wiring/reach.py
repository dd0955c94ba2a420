"""How the hosts of a fleet are reached, as the preferences are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.transport import Link
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver


class Reach:
    """Links to hosts: of other preferences than before, other links. All end with the block."""

    def __init__(self, preferences: Preferences, is_local: Callable[[str], bool]) -> None:
        self._is_local = is_local
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
        """Return what ssh makes of these now; those that it does not take are left out."""
        found = await self._resolver.resolve(aliases)
        return {alias: one for alias, one in found.items() if isinstance(one, Resolved)}

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
        await old.__aexit__(None, None, None)
        return True

    def _made(self, preferences: Preferences) -> tuple[Resolver, FleetLinks]:
        resolver = Resolver(preferences.ssh.config)
        links = FleetLinks(preferences.ssh, preferences.polling, resolver.one, self._is_local)
        return resolver, links


def _wanted(preferences: Preferences) -> object:
    """Return what links are made of."""
    return preferences.ssh, preferences.polling.max_parallel
