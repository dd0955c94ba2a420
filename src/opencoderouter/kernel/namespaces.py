"""Whether this process lives where all users of the machine are told apart (user_namespaces(7))."""

from __future__ import annotations

from pathlib import Path

_EVERYBODY = "0 0 4294967295"


def tells_users_apart(proc: Path = Path("/proc")) -> bool:
    """Tell whether this is the machine's own user namespace.

    In another one (a rootless container) whoever brings connections in from outside, for whomever,
    has the container's own user: that a client has our uid proves nothing there.
    """
    try:
        return (proc / "self/uid_map").read_text().split() == _EVERYBODY.split()
    except OSError:
        return not (proc / "self").exists()  # a system that has no such thing
