"""The credentials of servers that were started here, from their environment (proc(5)).

Only a process of the same user (or root) can read it. There is no other place where they are kept:
a router that comes later finds them like that, too.
"""

from __future__ import annotations

from pathlib import Path

from opencoderouter.core.basic import basic
from opencoderouter.kernel.commands import serving
from opencoderouter.kernel.marks import MARK, PASSWORD, USER, USERNAME
from opencoderouter.kernel.processes import Process, environment


def credentials(owner: Process, port: int, *, proc: Path = Path("/proc")) -> tuple[str, str] | None:
    """Return user name and password of the server that ``owner`` is on ``port``.

    None unless it was started here, and with a password. A server's tools inherit mark and
    password; one that listens may pass on to another machine what it is told (``ssh -L``). So the
    process has to be OpenCode, or have the very arguments that servers are started with here.
    """
    arguments = serving(port)
    if owner.kind is None and owner.argv[-len(arguments) :] != arguments:
        return None
    told = environment(owner.pid, (MARK, USERNAME, PASSWORD), proc=proc)
    if MARK not in told or not told.get(PASSWORD):
        return None
    return told.get(USERNAME) or USER, told[PASSWORD]


def authorization(owner: Process, port: int, *, proc: Path = Path("/proc")) -> str | None:
    """Return the same as the value of an ``Authorization`` field."""
    found = credentials(owner, port, proc=proc)
    return basic(*found) if found else None
