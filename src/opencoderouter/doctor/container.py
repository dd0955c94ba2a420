"""Whether this is a container, and what it keeps from the router: network, processes, users, disk.

What is told is what ``docker`` and ``podman`` take; each finding names the option that mends it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import threaded
from opencoderouter.kernel.namespaces import (
    container_marks,
    hides_processes,
    mounted,
    sees_all_processes,
    sees_hardware,
    tells_users_apart,
)
from opencoderouter.kernel.processes import may_read, opencode_processes

_CODE = "container"
_AS_YOU = 'docker run --network host --pid host --user "$(id -u):$(id -g)" ...'
_AS_ROOT = "docker run --network host --pid host --user 0:0 --cap-add SYS_PTRACE ..."
_AS_OTHER = "docker run --network host --pid host --user UID:GID ..."
_ROOTLESS = 'podman run --network host --userns keep-id --user "$(id -u):$(id -g)" ...'
_GROUPS = 'ps -u "$(id -u)" -o pid,gid,args'  # which of them have another group
_LAYERED = {"overlay", "fuse.fuse-overlayfs", "aufs"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process lives; ``marks`` say why it is taken for a container."""

    marks: tuple[str, ...]
    proc: bool  # /proc tells of this process
    users: bool  # all users of the machine are told apart
    hardware: bool  # a network interface here is a device, not one half of a pair
    processes: bool = True  # all processes of the machine are there
    hides: bool = False  # /proc shows only what may be traced
    hidden: bool = False  # OpenCode runs as our user, and may not be looked at
    alone: bool = False  # no OpenCode runs as our user
    uid: int = 1000
    lost: str = ""  # the state directory, if it ends with the container


def is_image(facts: Facts) -> bool:
    """Tell whether programs and settings here are an image's: what is installed is soon gone."""
    inside = container_marks(facts.environment, facts.etc.parent)
    return bool(inside) and _is_layered(facts.proc)


def look(facts: Facts) -> Iterable[Finding]:
    """Tell what a container, or a missing ``/proc``, takes away from the router."""
    if sys.platform != "linux":
        return (Finding(_CODE, Status.SKIPPED, "Only Linux has namespaces"),)
    return tuple(judge(_place(facts)))


def judge(place: Place) -> Iterable[Finding]:
    """Return what is missing here."""
    if not place.proc:
        return (_no_proc(),)
    found = [] if place.users else [_users(place)]
    if place.hides:
        found.append(_hides(place))
    if place.hidden and place.users:
        found.append(_hidden(place))
    if place.marks:
        found += _taken(place)
    if found:
        return found
    text = "In a container, with the host's network" if place.marks else "Not in a container"
    return (Finding(_CODE, Status.OK, text, place.marks),)


def _taken(place: Place) -> Iterable[Finding]:
    """Return what the options of the engine have not given."""
    if not place.hardware:
        yield _network(place)
    elif place.users and not place.hidden:
        yield from _apart(place)
    if place.lost:
        yield _lost(place)


def _apart(place: Place) -> Iterable[Finding]:
    """Return why servers outside, on the same network, are not this router's."""
    if not place.processes:
        yield _processes(place)
    elif place.uid == 0:
        yield _root(place)
    elif place.alone:
        yield _alone(place)


def _most(place: Place) -> str:
    """Return the options with which the same user sees the most."""
    if not place.users:
        return _ROOTLESS
    return _AS_ROOT if place.uid == 0 else _AS_YOU


def _processes(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "A container with the host's network, but processes of its own",
        place.marks,
        "The kernel tells whose a server outside is, not which process it is: only those on "
        "--scan-start to --scan-end without a password are found. Programs outside are let in as "
        "strangers are, since they could be tools of an agent.",
        (_most(place),),
    )


def _hides(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "/proc does not show all of your processes (hidepid)",
        (*place.marks, "/proc/self/mountinfo"),
        "Not those with another group, nor sshd's. Who comes in by an SSH forward gives the "
        "password, since it could be an agent's tool; so does whoever else is not shown.",
        ("mount -o remount,hidepid=0 /proc",),
    )


def _hidden(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        "OpenCode processes of this user may not be looked at",
        (*place.marks, _user(place)),
        "Their sockets and directories are not known, so they are not found. The kernel shows them "
        "to the same user and group only; root needs a capability besides.",
        (_most(place) if place.marks else _GROUPS,),
    )


def _root(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "The router runs as root in a container",
        place.marks,
        "Only servers of root are found, and those that it starts are root's. A user's router runs "
        "as that user and group.",
        (_AS_OTHER,),
    )


def _alone(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "No OpenCode runs as the user of this container",
        (*place.marks, _user(place)),
        "Servers of one user only are taken in. A user's router runs as that user and group.",
        (_AS_YOU,),
    )


def _user(place: Place) -> str:
    return f"uid {place.uid}, gid {os.getegid()}"


def _lost(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "What the router keeps ends with the container",
        (f"{place.lost} is in the container's own file system",),
        "Names of projects, the password and tokens are new in the next one.",
        (f"docker run --volume opencoderouter:{place.lost} ...",),
    )


def _no_proc() -> Finding:
    return Finding(
        _CODE,
        Status.ERROR,
        "/proc is not mounted",
        (),
        "Whose a server is cannot be known: only those that the router starts are taken in, and "
        "everybody is asked for the password.",
        ("mount -t proc proc /proc",),
    )


def _users(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "This is a user namespace of its own",
        (*place.marks, "/proc/self/uid_map"),
        "Who connects from outside it has the container's own user: nobody is let in without the "
        "password, you neither (as with --auth always). Processes outside cannot be looked at: of "
        "their servers only those on --scan-start to --scan-end without a password are found.",
        ("ocr-router password",),
    )


def _network(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "A container with a network of its own",
        place.marks,
        "Servers outside of it are not found, but for those that --backend names; names announced "
        "here do not reach the LAN. With these options the router looks outside.",
        (_most(place), "ocr-router serve --backend NAME=http://HOST:PORT"),
    )


def _place(facts: Facts) -> Place:
    ours = opencode_processes(os.getuid(), proc=facts.proc)
    return Place(
        container_marks(facts.environment, facts.etc.parent),
        proc=(facts.proc / "self").exists(),
        users=tells_users_apart(facts.proc),
        hardware=sees_hardware(facts.sys),
        processes=sees_all_processes(facts.proc),
        hides=hides_processes(facts.proc),
        hidden=any(not may_read(one.pid, proc=facts.proc) for one in ours),
        alone=not ours,
        uid=os.geteuid(),
        lost=_without_volume(facts.settings.state_dir, facts.proc),
    )


def _without_volume(state: Path, proc: Path) -> str:
    """Return the directory if it is in the layer that is the container's, else nothing."""
    try:
        there = next(one for one in (state, *state.parents) if one.exists())
        same = there.stat().st_dev == Path("/").stat().st_dev
    except OSError:
        return ""
    return str(state) if same and _is_layered(proc) else ""


def _is_layered(proc: Path) -> bool:
    """Tell whether the root directory is the layers of an image."""
    kind, _ = mounted("/", proc)
    return kind in _LAYERED


CHECKS = (Check(_CODE, "Container and namespaces", threaded(look)),)
