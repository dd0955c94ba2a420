"""Whether this is a container, and what it keeps from the router: the network, ``/proc``, users."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import threaded
from opencoderouter.kernel.namespaces import tells_users_apart

_CODE = "container"
_MARKS = ("docker", "containerd", "kubepods", "libpod", "lxc")


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process lives; ``marks`` say why it is taken for a container."""

    marks: tuple[str, ...]
    proc: bool  # /proc tells of this process
    users: bool  # all users of the machine are told apart
    hardware: bool  # a network interface here is a device, not one half of a pair


def look(facts: Facts) -> Iterable[Finding]:
    """Tell what a container, or a missing ``/proc``, takes away from the router."""
    if sys.platform != "linux":
        return (Finding(_CODE, Status.SKIPPED, "Only Linux has namespaces"),)
    return tuple(judge(_place(facts)))


def judge(place: Place) -> Iterable[Finding]:
    """Return what is missing here."""
    if not place.proc:
        yield _no_proc()
        return
    if not place.users:
        yield _users(place)
    if place.marks and not place.hardware:
        yield _network(place)
    elif place.users:
        text = "In a container, with the host's network" if place.marks else "Not in a container"
        yield Finding(_CODE, Status.OK, text, place.marks)


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
        "password, you neither (as with --auth always).",
        ("ocr-router password",),
    )


def _network(place: Place) -> Finding:
    return Finding(
        _CODE,
        Status.INFO,
        "A container with a network of its own",
        place.marks,
        "Servers outside of it are not found, and names announced here do not reach the LAN. "
        "With --network host --pid host the router sees the machine.",
        ("docker run --network host --pid host ...",),
    )


def _place(facts: Facts) -> Place:
    root = facts.etc.parent
    marks = [
        str(file) for file in (root / ".dockerenv", root / "run/.containerenv") if file.exists()
    ]
    if kind := facts.environment.get("container"):
        marks.append(f"container={kind}")
    groups = _text(facts.proc / "1/cgroup")
    marks += [f"cgroup of {mark}" for mark in _MARKS if mark in groups]
    return Place(
        tuple(marks),
        proc=(facts.proc / "self").exists(),
        users=tells_users_apart(facts.proc),
        hardware=any((one / "device").exists() for one in (facts.sys / "class/net").glob("*")),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


CHECKS = (Check(_CODE, "Container and namespaces", threaded(look)),)
