"""The links of a fleet: to each host by Fabric, by OpenSSH, or without either."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from opencoderouter.core.fleet.model import LOCAL, Resolved, Unreached, Via
from opencoderouter.core.fleet.preferences import Polling, Ssh, Transport
from opencoderouter.core.fleet.transport import Completed, Link, NotForwarded, Stream
from opencoderouter.fleet import openssh, verdict
from opencoderouter.fleet.choice import Choice, choose
from opencoderouter.fleet.dial import Names
from opencoderouter.fleet.folder import folder
from opencoderouter.fleet.known_hosts import Known, KnownHosts, to_forget, to_learn
from opencoderouter.fleet.local import LocalLink
from opencoderouter.fleet.openssh import OpensshLink, Setting
from opencoderouter.fleet.process import Command
from opencoderouter.fleet.threads import Threads
from opencoderouter.fleet.verdict import Mends, Unable

if TYPE_CHECKING:
    from opencoderouter.fleet.transport.link import FabricLink, Hop, Target

_log = logging.getLogger(__name__)
_MORE_THREADS = 8  # beside those that wait for hosts
_STARTS = 8  # logins at once at one server: MaxStartups of sshd_config(5) drops some above 10
_DEEPEST = 8  # jump hosts on the way to one host
T = TypeVar("T")
Resolve = Callable[[str], Awaitable[Resolved | Unreached]]


@dataclass(frozen=True, slots=True)
class Way:
    """How a host is reached now. ``target`` is for Fabric, None where OpenSSH does it."""

    resolved: Resolved
    mends: Mends
    target: Target | None
    reason: str = ""


class FleetLinks:
    """Links to all hosts, made when they are asked for; all that they opened ends with the block.

    ``resolve`` says what an alias is now (``ssh -G``), ``is_local`` which of them is this machine.
    """

    def __init__(
        self,
        ssh: Ssh,
        polling: Polling,
        resolve: Resolve,
        is_local: Callable[[str], bool] = LOCAL.__eq__,
    ) -> None:
        self.ssh = ssh
        self._polling, self._resolve = polling, resolve
        self._threads = Threads(polling.max_parallel + _MORE_THREADS, "fleet")
        self._names = Names()
        self._known_hosts = KnownHosts()
        self._starts: dict[object, asyncio.Semaphore] = {}
        self._is_local, self._local = is_local, LocalLink()
        self._links: dict[str, HostLink] = {}
        self._fabric: dict[tuple[str, ...], FabricLink] = {}
        self._end = AsyncExitStack()
        self.setting: Setting

    async def __aenter__(self) -> Self:
        path = self._end.enter_context(folder())
        self.setting = Setting(self.ssh, path, self.starts)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for fabric in self._fabric.values():
            fabric.close()
        async with asyncio.TaskGroup() as group:
            for link in self._links.values():
                group.create_task(link.close(), name="end of a link")
        await asyncio.to_thread(self._threads.end)
        await self._end.aclose()

    def link(self, alias: str) -> Link:
        """Return the link of a host; the same one each time."""
        if self._is_local(alias):
            return self._local
        if alias not in self._links:
            self._links[alias] = HostLink(alias, self)
        return self._links[alias]

    def starts(self, server: object) -> asyncio.Semaphore:
        """Return what limits the logins that begin at one server."""
        return self._starts.setdefault(server, asyncio.Semaphore(_STARTS))

    async def way(self, alias: str, before: Way | None) -> Way | Unreached:
        """Return how to reach a host: as ``before``, while what was opened then is open."""
        resolved = await self._resolve(alias)
        if isinstance(resolved, Unreached):
            return resolved
        same = before is not None and before.target is not None and before.resolved == resolved
        if before is not None and same and self.fabric((alias,)).is_open(resolved):
            return before
        return await self._way(resolved, ())

    def fabric(self, key: tuple[str, ...]) -> FabricLink:
        """Return the link by Fabric, which ``_way`` has loaded.

        ``key`` is the alias, then the way there if it is special.
        """
        if key not in self._fabric:
            module, limit = _module(), self.ssh.connect_timeout
            means = module.Means(
                self._threads, self._names, self.starts, self.ssh.control_persist, limit
            )
            self._fabric[key] = module.FabricLink(means)
        return self._fabric[key]

    async def _way(self, resolved: Resolved, passed: tuple[str, ...]) -> Way | Unreached:
        """Return how to reach a host; ``passed`` are those to which it is on the way."""
        choice, mends = await self._threads.call(lambda: self._chosen(resolved))
        if choice.refused:
            return verdict.broken(choice.refused)
        if choice.via is Via.OPENSSH:
            return Way(resolved, mends, None, choice.reason)
        hop = await self._hop(resolved, (*passed, resolved.alias)) if resolved.jumps else None
        if isinstance(hop, Unreached):
            return hop
        if isinstance(hop, str):
            return Way(resolved, mends, None, hop)
        known = partial(self._known_hosts.of, resolved)
        return Way(resolved, mends, _module().Target(resolved, known, mends, hop))

    def _chosen(self, resolved: Resolved) -> tuple[Choice, Mends]:
        """Return what carries commands to a host, and load it. Reads files."""
        known = self._known_hosts.of(resolved)
        choice = choose(resolved, self.ssh, known)
        if choice.via is Via.FABRIC:
            _module()
        return choice, self._mends(resolved, known)

    async def _hop(self, resolved: Resolved, passed: tuple[str, ...]) -> Hop | str | Unreached:
        """Return the last jump host before a host, or why OpenSSH has to go there."""
        *before, last = resolved.jumps
        if last in passed or len(passed) > _DEEPEST:
            return verdict.circle((*passed, last))
        found = await self._resolve(_destination(last))
        if isinstance(found, Unreached):
            return verdict.behind(last, found)
        if before:  # what is before it in the list counts, not what its own configuration says
            found = replace(found, jumps=tuple(before), proxy_command="")
        way = await self._way(found, passed)
        if isinstance(way, Unreached):
            return verdict.behind(last, way)
        if way.target is None:
            return f"its jump host {last} needs it: {way.reason}"
        link = self.fabric((found.alias, *before))
        hop: Hop = _module().Hop(last, link, way.target)
        return hop

    def _mends(self, resolved: Resolved, known: Known) -> Mends:
        alias, config = resolved.alias, self.ssh.config
        path = openssh.control_path(self.ssh, alias)
        login = openssh.login(self.ssh, alias, path) if path else openssh.command(self.ssh)
        argv = login if path else [*login, "--", alias, "true"]
        return Mends(
            unknown=to_learn(alias, config),
            changed=to_forget(known, alias, config),
            login=(shlex.join(argv),),
        )


class HostLink:
    """One host. What Fabric cannot do there is remembered, until its configuration changes."""

    def __init__(self, alias: str, links: FleetLinks) -> None:
        self._alias, self._links = alias, links
        self._openssh = OpensshLink(alias, links.setting)
        self._way: Way | None = None
        self._unable = ""
        self._logged_in = False
        self.via = Via.FABRIC
        self.via_reason = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Run a command, as ``core.fleet.transport.Link`` says."""
        asked = Command(command, stdin, on_output)

        async def fabric(
            link: FabricLink, target: Target, left: float
        ) -> Completed | Unreached | Unable:
            return await link.run(target, asked, left)

        async def ssh(way: Way, left: float) -> Completed | Unreached:
            return await self._openssh.run(way.resolved, way.mends, asked, left)

        return await self._either(within, fabric, ssh)

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> Stream | NotForwarded | Unreached:
        """Open a stream, as ``core.fleet.transport.Link`` says."""
        where = (address, port)

        async def fabric(
            link: FabricLink, target: Target, left: float
        ) -> Stream | NotForwarded | Unreached | Unable:
            return await link.connect(target, where, left)

        async def ssh(way: Way, left: float) -> Stream | NotForwarded | Unreached:
            return await self._openssh.connect(way.resolved, way.mends, where, left)

        return await self._either(within, fabric, ssh)

    async def close(self) -> None:
        """End what OpenSSH keeps."""
        await self._openssh.close()

    async def _either(
        self,
        within: float,
        by_fabric: Callable[[FabricLink, Target, float], Awaitable[T | Unreached | Unable]],
        by_ssh: Callable[[Way, float], Awaitable[T | Unreached]],
    ) -> T | Unreached:
        end = _now() + within
        try:
            async with asyncio.timeout(within):
                way = await self._links.way(self._alias, self._way)
                if isinstance(way, Unreached):
                    return way
                await self._look(way)
        except TimeoutError:
            return verdict.late("while its configuration was read", within)
        if way.target is not None and not self._unable and not self._logged_in:
            self.via, self.via_reason = Via.FABRIC, ""
            link = self._links.fabric((self._alias,))
            result = await by_fabric(link, way.target, end - _now())
            if not await self._is_for_ssh(way, result):
                return _final(result)
        self.via = Via.OPENSSH
        self.via_reason = way.reason or self._unable or "somebody has logged in with ssh"
        return await by_ssh(way, end - _now())

    async def _look(self, way: Way) -> None:
        """Forget what was true of the host's earlier configuration, and of a login that is over."""
        if self._way is None or way.resolved != self._way.resolved:
            self._unable = ""
        self._way = way
        if self._logged_in:
            self._logged_in = await self._openssh.is_live(way.resolved)

    async def _is_for_ssh(self, way: Way, result: object) -> bool:
        if self._links.ssh.transport is not Transport.AUTO:
            return False
        if isinstance(result, Unable):
            self._unable = result.reason
            _log.info("fabric unable host=%s reason=%s", self._alias, result.reason)
            return True
        wanted = isinstance(result, Unreached) and bool(result.how)  # here, or on the way
        self._logged_in = wanted and await self._openssh.is_live(way.resolved)
        return self._logged_in


def _final(result: T | Unable) -> T | Unreached:
    """Return the result where OpenSSH is not to be asked."""
    if isinstance(result, Unable):
        return verdict.broken(f"{result.reason}; ssh.transport is fabric")
    return result


def _destination(hop: str) -> str:
    """Return a jump host as ssh takes it for a host: ``user@host:port`` is none."""
    is_plain = hop.startswith("ssh://") or ":" not in hop
    return hop if is_plain else f"ssh://{hop}"


def _module() -> ModuleType:
    return import_module("opencoderouter.fleet.transport.link")


def _now() -> float:
    return asyncio.get_running_loop().time()
