"""What of the machine this process sees: users, processes, network (namespaces(7))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_EVERYBODY = "0 0 4294967295"
_ENGINES = ("docker", "containerd", "kubepods", "libpod", "lxc")
_FILES = (".dockerenv", "run/.containerenv")
_MACHINE_PIDS = 0xEFFFFFFC  # the kernel's PROC_PID_INIT_INO


def tells_users_apart(proc: Path = Path("/proc")) -> bool:
    """Tell whether this is the machine's own user namespace.

    In another one (a rootless container) whoever brings connections in from outside, for whomever,
    has the container's own user: that a client has our uid proves nothing there.
    """
    try:
        return (proc / "self/uid_map").read_text().split() == _EVERYBODY.split()
    except OSError:
        return not (proc / "self").exists()  # a system that has no such thing


def sees_all_processes(proc: Path = Path("/proc")) -> bool:
    """Tell whether this is the machine's own process namespace, and not a container's."""
    try:
        return (proc / "self/ns/pid").stat().st_ino == _MACHINE_PIDS
    except OSError:
        return not (proc / "self").exists()


def hides_processes(proc: Path = Path("/proc")) -> bool:
    """Tell whether ``/proc`` shows only what may be traced (``hidepid=``, proc(5)).

    Of our own user's processes that are not those with another group, or more capabilities, and
    such as make themselves unreadable. To members of a group (``gid=``) all is shown.
    """
    _, options = mounted("/proc", proc)
    if options.get("hidepid", "0") in {"0", "off"}:
        return False
    return "gid" not in options or int(options["gid"]) not in {os.getegid(), *os.getgroups()}


def mounted(place: str, proc: Path = Path("/proc")) -> tuple[str, dict[str, str]]:
    """Return the kind and the options of the file system that is mounted at a place.

    Of several it is the last, which covers the others; ("", {}) where nothing is known of any.
    """
    try:
        lines = (proc / "self/mountinfo").read_text().splitlines()
    except OSError:
        return "", {}
    mounts = [fields for fields in map(str.split, lines) if fields[4] == place]
    if not mounts:
        return "", {}
    kind, _, options = mounts[-1][-3:]  # proc_pid_mountinfo(5): behind all that is optional
    return kind, dict(one.partition("=")[::2] for one in options.split(","))


def container_marks(environment: Mapping[str, str], root: Path = Path("/")) -> tuple[str, ...]:
    """Return why this is taken for a container; nothing where it is not."""
    marks = [str(root / name) for name in _FILES if (root / name).exists()]
    if kind := environment.get("container"):
        marks.append(f"container={kind}")
    try:
        groups = (root / "proc/1/cgroup").read_text()
    except OSError:
        groups = ""
    return (*marks, *(f"cgroup of {engine}" for engine in _ENGINES if engine in groups))


def sees_hardware(sys: Path = Path("/sys")) -> bool:
    """Tell whether a network interface here is a device: not one half of a pair, as containers'."""
    return any((one / "device").exists() for one in (sys / "class/net").glob("*"))
