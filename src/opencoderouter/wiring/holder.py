"""Who holds a port that we wanted."""

from __future__ import annotations

import pwd

from opencoderouter.kernel.processes import process, socket_owners
from opencoderouter.kernel.sockets import kernel_listeners


def holder(port: int) -> str:
    """Return a phrase such as ``python3 (pid 123)`` or ``a process of user bob``."""
    listeners = kernel_listeners()
    held = next((item for item in listeners() if item.port == port), None) if listeners else None
    if held is None or held.inode is None:
        return "another process"
    pid = socket_owners([held.inode]).get(held.inode)
    found = process(pid) if pid else None
    if found is not None:
        return f"{' '.join(found.argv[:3])} (pid {found.pid})"
    return f"a process of user {user_name(held.uid)}"


def user_name(uid: int | None) -> str:
    """Return a user's name, else the number."""
    try:
        return pwd.getpwuid(uid).pw_name if uid is not None else "unknown"
    except KeyError:
        return str(uid)
