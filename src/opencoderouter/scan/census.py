"""Which listeners are worth a question: ours, in the range or of an OpenCode process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from opencoderouter.core.model import Kind, Listener
from opencoderouter.kernel.credentials import authorization
from opencoderouter.kernel.processes import Process, opencode_processes, process, socket_owners


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listener that may be an OpenCode server, and its process's working directory if known."""

    listener: Listener
    cwd: str | None = None

    @property
    def opencode(self) -> bool:
        """Tell whether the process behind it is OpenCode, by its command line."""
        return self.listener.kind is not Kind.OTHER

    @property
    def same_socket(self) -> bool:
        """Tell whether what answered once will be what answers next, whatever it says then."""
        return self.listener.inode is not None


class Census:
    """Knows the candidates among the listeners; each socket's process is looked up until found.

    ``ports`` are looked at whatever the process; ``own_ports`` never are, and neither is what
    another user than ``uid`` listens on.
    """

    def __init__(
        self, ports: range, *, uid: int, own_ports: frozenset[int], proc: Path = Path("/proc")
    ) -> None:
        self._ports, self._uid, self._own, self._proc = ports, uid, own_ports, proc
        self._known: dict[Listener, Candidate | None] = {}
        self.unexplained: frozenset[Listener] = frozenset()  # ours, and no process found
        self._chosen: frozenset[Candidate] = frozenset()

    def candidates(self, listeners: frozenset[Listener]) -> frozenset[Candidate]:
        """Return the candidates among all listeners of now. Reads ``/proc`` for new ones."""
        mine = {listener for listener in listeners if self._is_mine(listener)}
        self._known = {x: known for x, known in self._known.items() if x in mine}
        self._known |= self._look_up(mine - (self._known.keys() - self.unexplained))
        found = (candidate for candidate in self._known.values() if candidate)
        self._chosen = one_per_server(found, keep=self._chosen)
        return self._chosen

    def _is_mine(self, listener: Listener) -> bool:
        ours = listener.uid == self._uid and listener.port not in self._own
        return ours and not ip_address(listener.address).is_link_local  # needs a scope to connect

    def _look_up(self, fresh: set[Listener]) -> dict[Listener, Candidate | None]:
        self.unexplained = frozenset()
        if not fresh:
            return {}
        inodes = {x.inode for x in fresh if x.inode is not None}
        servers = {p.pid: p for p in opencode_processes(self._uid, proc=self._proc)}
        oldest = sorted(servers, key=lambda pid: servers[pid].started)
        owners = socket_owners(inodes, oldest, proc=self._proc)
        # The others' too, outside the range as well: only a process that was seen is not OpenCode.
        more = socket_owners(inodes - owners.keys(), proc=self._proc)
        found = {inode: servers[pid] for inode, pid in owners.items()}
        found |= {i: p for i, pid in more.items() if (p := process(pid, proc=self._proc))}
        clear = {inode for inode, owner in found.items() if owner.argv}
        self.unexplained = frozenset(x for x in fresh if x.inode in inodes - clear)
        return {listener: self._candidate(listener, found) for listener in fresh}

    def _candidate(self, listener: Listener, owners: Mapping[int, Process]) -> Candidate | None:
        owner = owners.get(listener.inode) if listener.inode is not None else None
        if owner is None:
            return Candidate(listener) if listener.port in self._ports else None
        if owner.kind is None and listener.port not in self._ports:
            return None
        own = replace(
            listener,
            pid=owner.pid,
            kind=owner.kind or Kind.OTHER,
            authorization=authorization(owner, listener.port, proc=self._proc),
        )
        return Candidate(own, owner.cwd)


def one_per_server(
    candidates: Iterable[Candidate], *, keep: frozenset[Candidate] = frozenset()
) -> frozenset[Candidate]:
    """Leave one of the listeners that a process has on one port (127.0.0.1 and ::1, say).

    One of ``keep`` stays before others; then IPv4 goes before IPv6.
    """
    chosen: dict[tuple[object, ...], Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: (c not in keep, ":" in c.listener.address)):
        listener = candidate.listener
        server = (listener.port, listener.pid) if listener.pid else listener.key
        chosen.setdefault(server, candidate)
    return frozenset(chosen.values())
