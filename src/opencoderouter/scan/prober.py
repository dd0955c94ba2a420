"""Asks candidates, and tells the registry what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from opencoderouter.core.model import Backend, Status
from opencoderouter.core.printable import printable
from opencoderouter.core.table import Key
from opencoderouter.opencode.answer import Answer, Broken, Healthy, Locked
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.census import Candidate
from opencoderouter.scan.learn import State, believed, learn

_log = logging.getLogger(__name__)
_UNSEEN = (
    "listener refused: a server that wants a password listens; whose process it is cannot be seen"
    " from here port=%d claim=locked hint=--pid host for a container,"
    " or --backend NAME=http://opencode:PASSWORD@%s"
)


class Prober:
    """The one writer of backends into the registry, but for those that the user names."""

    def __init__(self, registry: Registry, client: Client, *, interval: float) -> None:
        self._registry, self._client, self._interval = registry, client, interval
        self._seen: dict[Key, datetime] = {}

    def last_seen(self, backend: Backend) -> datetime:
        """Return when the backend answered last (UTC); now for one that never did."""
        return self._seen.get(backend.listener.key) or datetime.now(UTC)

    async def probe(self, candidate: Candidate, state: State) -> State:
        """Ask once, and return what is known then."""
        said = await self._ask(candidate, state)
        answer = believed(candidate, said)
        if answer is not said and not (state.foreign or state.backend):
            _log_refusal(candidate, said)
        if isinstance(answer, Healthy | Locked | Broken):
            self._seen[candidate.listener.key] = datetime.now(UTC)
        return learn(candidate, state, answer, self._interval)

    async def count(self, state: State) -> State:
        """Return the state with the sessions of now, where the server tells them."""
        return await self.look(state) or state

    async def look(self, state: State) -> State | None:
        """Count the sessions of a server that is ready: one that tells them is well.

        Return the state, the same one if they are the same; None when it does not tell.
        """
        backend = state.backend
        if backend is None or backend.status is not Status.READY:
            return None
        sessions = await self._client.sessions(backend.listener, backend.identity.directory)
        if sessions is None:
            return None
        self._seen[backend.listener.key] = datetime.now(UTC)
        if sessions == backend.sessions:
            return state
        return replace(state, backend=replace(backend, sessions=sessions))

    def publish(self, states: Mapping[Candidate, State]) -> None:
        """Put all backends among these states into the table at once; take out the others."""
        before = {x.listener.key: x.status for x in self._registry.table.backends()}
        found = {c: s.backend for c, s in states.items() if s.backend}
        servers = _answering(self._registry.table.backends()) | _answering(found.values())
        listed = {c: b for c, b in found.items() if not _is_second_socket(b, servers)}
        for candidate in states.keys() - listed.keys():
            self.forget(candidate)
        self._registry.observe(*listed.values())
        for backend in listed.values():
            if before.get(backend.listener.key) is not backend.status:
                _log_status(backend)

    def forget(self, candidate: Candidate) -> None:
        """Take a listener out of the table."""
        self._seen.pop(candidate.listener.key, None)
        before = self._registry.table
        self._registry.forget(candidate.listener)
        if self._registry.table is not before:
            _log.info(
                "backend gone port=%d pid=%s", candidate.listener.port, candidate.listener.pid
            )

    async def _ask(self, candidate: Candidate, state: State) -> Answer:
        known = state.backend
        well = known is not None and known.status in {Status.READY, Status.BUSY}
        if known is None or not well or not candidate.same_socket:
            return await self._client.identify(candidate.listener)
        answer = await self._client.health(candidate.listener)
        return Healthy(known.identity) if isinstance(answer, Healthy) else answer


def _answering(backends: Iterable[Backend]) -> frozenset[int | None]:
    return frozenset(b.listener.pid for b in backends if b.status is not Status.STARTING)


def _is_second_socket(backend: Backend, servers: frozenset[int | None]) -> bool:
    """Tell a silent socket of a process whose server has been found on another port."""
    pid = backend.listener.pid
    return backend.status is Status.STARTING and pid is not None and pid in servers


def _log_status(backend: Backend) -> None:
    listener = backend.listener
    _log.info(
        "backend status=%s port=%d pid=%s directory=%s reason=%s",
        backend.status,
        listener.port,
        listener.pid,
        printable(backend.identity.directory),
        printable(backend.reason) or "-",
    )


def _log_refusal(candidate: Candidate, said: Answer) -> None:
    if isinstance(said, Locked) and candidate.listener.pid is None:
        _log.warning(_UNSEEN, candidate.listener.port, candidate.listener.authority)
        return
    claim = said.identity.directory if isinstance(said, Healthy) else ""
    _log.warning(
        "listener refused: not an OpenCode process port=%d pid=%s cwd=%s claim=%s",
        candidate.listener.port,
        candidate.listener.pid,
        printable(candidate.cwd or "-"),
        printable(claim) or type(said).__name__.lower(),
    )
