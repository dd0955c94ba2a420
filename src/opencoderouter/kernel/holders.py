"""Who has a port, over UDP or TCP, as ``/proc`` tells of it (proc(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opencoderouter.core.printable import printable
from opencoderouter.kernel.proc_net import read_table
from opencoderouter.kernel.processes import parse_stat, socket_owners
from opencoderouter.kernel.tcp import LISTEN, Socket, end

_PROC = Path("/proc")

Over = Literal["UDP", "TCP"]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a socket on a port; ``pid`` and ``name`` where they may be known.

    The name is that of the program or the script, fit for a terminal.
    """

    over: Over
    uid: int
    pid: int | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else f"a process of uid {self.uid}"


def holders(port: int, *, address: str = "", proc: Path = _PROC) -> list[Holder]:
    """Return who has a UDP port, or listens at a TCP port; nobody where ``/proc`` does not tell.

    With a numeric ``address`` only those that get what is sent there. In no certain order; once
    for each socket.
    """
    wanted = end(address.partition("%")[0], port).address if address else None
    found = [
        (over, one)
        for over, one in _sockets(proc)
        if one.source.port == port and _gets(one, wanted)
    ]
    pids = socket_owners({one.inode for _, one in found}, proc=proc)
    return [_holder(over, one, pids.get(one.inode), proc) for over, one in found]


def _sockets(proc: Path) -> Iterator[tuple[Over, Socket]]:
    for name in ("udp", "udp6"):
        yield from (("UDP", one) for one in read_table(proc / "net" / name) if one.inode)
    for name in ("tcp", "tcp6"):
        listening = (one for one in read_table(proc / "net" / name) if one.state == LISTEN)
        yield from (("TCP", one) for one in listening)


def _gets(one: Socket, wanted: bytes | None) -> bool:
    here = one.source.address
    return wanted is None or here == wanted or not any(here)


def _holder(over: Over, one: Socket, pid: int | None, proc: Path) -> Holder:
    if pid is None:
        return Holder(over, one.uid)
    try:
        stat = parse_stat((proc / str(pid) / "stat").read_text(errors="replace"))
    except OSError:
        return Holder(over, one.uid, pid, "a process that has ended")
    return Holder(over, one.uid, pid, printable(stat.comm) if stat else "a process")
