"""Which sockets are an agent's: held by an OpenCode server, or by what one has started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from opencoderouter.kernel.marks import MARK
from opencoderouter.kernel.namespaces import (
    hides_processes,
    sees_all_processes,
    sees_hardware,
)
from opencoderouter.kernel.processes import (
    Stat,
    below,
    environment,
    keeps_marks,
    may_read,
    process,
    socket_owners,
    stats,
)

# OpenCode's own mark, which its tools, terminals and MCP servers inherit: OPENCODE=1.
_ITS_MARK, _MARKED = "OPENCODE", "1"
# Who begins during a look may have been handed the socket by who ended before its turn. So many
# looks at the newcomers; each is shorter than the one before.
_LOOKS = 8
_SSHD = "sshd"  # also sshd-session

_Program = tuple[int, int, str, int]


class Kin:
    """Reads ``/proc``; remembers of each program whether it is an agent's. For one thread."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._sees_all = sees_all_processes(proc) and not hides_processes(proc)
        self._agents: dict[_Program, bool] = {}  # whether it is one by itself, not by its parents

    def agents(self, inodes: Collection[int]) -> frozenset[int]:
        """Return those of these sockets that an agent's process holds. Takes milliseconds.

        Such a process is an OpenCode server (of whichever user) or a terminal UI, descends from
        one, or was started with a mark (OpenCode's, or that of a server that was started here)
        by which it is still known after its parents are gone. A socket that is gone when its
        holder's turn comes is not found: who wants to know of a living one asks afterwards
        whether it is still there. Where an agent's descriptors may not be read, or not all
        processes are shown, they may have every socket that nobody else is seen to have. Nor is
        one found of a process that has got rid of both its parents and its marks on purpose: a
        process of the same user that wants in can as well read the password.
        """
        wanted, found = set(inodes), set[int]()
        family, looked = dict[int, Stat](), set[int]()
        for _ in range(_LOOKS):
            newcomers = stats(family, proc=self._proc)
            if not newcomers:
                break
            family |= newcomers
            agents = self._all(family) - looked
            found.update(socket_owners(wanted - found, agents, proc=self._proc))
            looked |= agents
        if wanted - found and self._may_be_hidden(looked, family):
            found |= wanted - found - socket_owners(wanted - found, proc=self._proc).keys()
        programs = (_program(pid, stat) for pid, stat in family.items())
        self._agents = {one: self._agents[one] for one in programs if one in self._agents}
        return frozenset(found)

    def _may_be_hidden(self, agents: Collection[int], family: Mapping[int, Stat]) -> bool:
        """Tell whether agents may have what nobody is seen to have.

        One that is known may, if it cannot be read; so may any process whose marks are kept from
        us, since it has another group, say; and where not all are shown, those that are not. But
        in a container with a network of its own it may be sshd's, which cannot be read: who comes
        in by a forward there is the user.
        """
        suspects = (pid for pid in family if pid in agents or keeps_marks(pid, proc=self._proc))
        if any(not may_read(pid, proc=self._proc) for pid in suspects):
            return True
        if self._sees_all:
            return False
        sshd = (pid for pid, stat in family.items() if stat.comm.startswith(_SSHD))
        return sees_hardware() or all(may_read(pid, proc=self._proc) for pid in sshd)

    def _all(self, family: Mapping[int, Stat]) -> set[int]:
        roots = [pid for pid, stat in family.items() if self._is_agent(_program(pid, stat))]
        return {*roots, *below(family, roots)}

    def _is_agent(self, program: _Program) -> bool:
        known = self._agents.get(program)
        if known is None:
            known = self._agents[program] = self._look(program[0])
        return known

    def _look(self, pid: int) -> bool:
        marks = environment(pid, (MARK, _ITS_MARK), proc=self._proc)
        if MARK in marks or marks.get(_ITS_MARK) == _MARKED:
            return True
        found = process(pid, proc=self._proc)
        return found is not None and found.kind is not None


def _program(pid: int, stat: Stat) -> _Program:
    """Return what is the same as long as the process is, and has turned into no other program."""
    return (pid, stat.started, stat.comm, stat.image)
