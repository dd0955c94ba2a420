"""How many files the router may have open: every connection is one, and so is its backend's."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterable
from pathlib import Path

from opencoderouter.doctor.container import is_image
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import threaded
from opencoderouter.kernel.processes import socket_owners
from opencoderouter.kernel.sockets import kernel_listeners

_CODE = "open-files"
_SPARE = 64  # files of the router that are no connections
_EACH = 2  # files for a client: its connection, and the backend's
_FEW = 500  # connections; a handful of browsers with event streams have some dozens
_LINE = re.compile(r"^Max open files\s+(\S+)\s+(\S+)", re.MULTILINE)


def look(facts: Facts) -> Iterable[Finding]:
    """Tell whether the limit is enough for --max-connections."""
    pid = _router(facts)
    limit = _of(pid, facts.proc) if pid else None
    hard = limit if limit is not None else resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    whose = f"router's, pid {pid}" if limit is not None else "of this shell"
    wanted, workers = facts.settings.max_connections, facts.settings.workers
    is_asked = facts.origins.get("max_connections", "default") != "default"
    inside = is_image(facts)
    return (judge(hard, wanted, workers, whose, asked=is_asked, inside=inside),)


def judge(
    hard: int, wanted: int, workers: int, whose: str, *, asked: bool, inside: bool = False
) -> Finding:
    """Return whether ``hard`` files for each of ``workers`` are enough for ``wanted`` connections.

    ``asked``: it was the user who wanted so many; ``inside``: the engine of a container sets the
    limit.
    """
    if hard == resource.RLIM_INFINITY:
        return Finding(_CODE, Status.OK, "The number of open files is not limited")
    room = workers * max(1, (hard - _SPARE) // _EACH)
    seen = (f"limit {hard} ({whose}), workers {workers}, max-connections {wanted}",)
    if room >= wanted:
        text = f"{hard} open files are enough for {wanted} connections"
        return Finding(_CODE, Status.OK, text, seen)
    need = -(-wanted // workers) * _EACH + _SPARE
    raised = f"sudo prlimit --pid $$ --nofile={need}:{need} && ocr-router serve"
    return Finding(
        _CODE,
        Status.WARNING if asked or room < _FEW else Status.INFO,
        f"{hard} open files are enough for {room} connections, not for {wanted}",
        seen,
        "More connections than that wait, or are refused, until others end.",
        (
            f"ocr-router serve --max-connections {room}",
            f"docker run --ulimit nofile={need}:{need} ..." if inside else raised,
        ),
    )


def _router(facts: Facts) -> int | None:
    """Return the process of ours that listens on the router's port."""
    listeners = kernel_listeners(facts.proc)
    every = listeners() if listeners else frozenset()
    uid, port = os.getuid(), facts.settings.port
    inodes = [x.inode for x in every if x.port == port and x.uid == uid and x.inode is not None]
    owners = socket_owners(inodes, proc=facts.proc)
    return min(owners.values(), default=None)


def _of(pid: int, proc: Path) -> int | None:
    try:
        found = _LINE.search((proc / str(pid) / "limits").read_text())
    except OSError:
        return None
    if found is None:
        return None
    return resource.RLIM_INFINITY if found[2] == "unlimited" else int(found[2])


CHECKS = (Check(_CODE, "The limit on open files", threaded(look)),)
