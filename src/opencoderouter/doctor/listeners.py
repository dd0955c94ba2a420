"""Servers that listen: which of them the router takes in, and why it does not take in others."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencoderouter.core.model import Listener
from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.ports import holder
from opencoderouter.doctor.thread import in_thread
from opencoderouter.kernel.namespaces import sees_all_processes, tells_users_apart
from opencoderouter.kernel.processes import process
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.scan.census import Candidate, Census
from opencoderouter.scan.learn import believed
from opencoderouter.wiring.opencode import opencode_client

_CODE = "listeners"
_PATIENCE = 0.8  # seconds for one answer; a server is asked twice at most
_MOST = 60  # servers that are asked
_SHOWN = 12
_YOUNG = 15.0  # seconds; so old may a server be that has not answered yet


@dataclass(frozen=True, slots=True)
class Seen:
    """A listener that could be a server, who has it, and what it answered.

    ``young``: its process was started just now. ``outside``: it may be outside of this container,
    whose option ``--pid host`` would show it.
    """

    candidate: Candidate
    holder: str
    answer: Answer
    young: bool = False
    outside: bool = False

    @property
    def where(self) -> str:
        """Return its address and who has it."""
        return f"{self.candidate.listener.authority}: {self.holder}"


async def look(facts: Facts) -> Iterable[Finding]:
    """Tell of each listener why it is no project, if it is none."""
    answer = await facts.router.get("/api/backends")
    rows = answer.body if isinstance(answer, Answered) and isinstance(answer.body, list) else None
    listeners = kernel_listeners(facts.proc)
    if listeners is None:
        return (_blind(facts),)
    candidates, others = await in_thread(_census, facts, listeners())
    ports = _ports(rows or [])
    open_ = [one for one in candidates if one.listener.port not in ports][:_MOST]
    seen = await _ask(open_, facts)
    found = [*adopted(rows or []), *judge(seen, asked=rows is not None), *_of_others(others)]
    if any(finding.status in {Status.WARNING, Status.ERROR} for finding in found):
        return found
    return [_fine(len(ports), seen), *found]


def _census(
    facts: Facts, every: frozenset[Listener]
) -> tuple[list[Candidate], list[tuple[Listener, str]]]:
    """Return what discovery would ask, and what others have in the range."""
    settings, uid = facts.settings, os.getuid()
    census = Census(settings.ports, uid=uid, own_ports=frozenset({settings.port}), proc=facts.proc)
    mine = sorted(census.candidates(every), key=lambda one: one.listener.port)
    others = [
        (one, holder(one, facts.proc))
        for one in sorted(every, key=lambda one: one.port)
        if one.port in settings.ports and one.uid != uid
    ]
    return mine, others


async def _ask(candidates: list[Candidate], facts: Facts) -> list[Seen]:
    async with opencode_client(_PATIENCE) as client, asyncio.TaskGroup() as group:
        asked = [
            group.create_task(client.identify(one.listener), name=f"ask {one.listener.authority}")
            for one in candidates
        ]
    answers = [_believed(one, task.result()) for one, task in zip(candidates, asked, strict=True)]
    return await in_thread(_seen, facts.proc, candidates, answers)


def _believed(candidate: Candidate, answer: Answer) -> Answer:
    """Return what discovery believes, and that one is locked whose process nobody sees."""
    unseen = candidate.listener.pid is None and isinstance(answer, Locked)
    return answer if unseen else believed(candidate, answer)


def _seen(proc: Path, candidates: list[Candidate], answers: list[Answer]) -> list[Seen]:
    outside = tells_users_apart(proc) and not sees_all_processes(proc)
    return [
        Seen(one, holder(one.listener, proc), answer, _is_young(one, proc), outside)
        for one, answer in zip(candidates, answers, strict=True)
    ]


def _is_young(candidate: Candidate, proc: Path) -> bool:
    found = process(candidate.listener.pid, proc=proc) if candidate.listener.pid else None
    if found is None:
        return False
    try:
        up = float((proc / "uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return up - found.started / os.sysconf("SC_CLK_TCK") < _YOUNG


def judge(seen: Iterable[Seen], *, asked: bool) -> list[Finding]:
    """Return why listeners are no projects; ``asked``: the router runs, and has none of these."""
    found = [_one(one, asked=asked) for one in seen]
    foreign = [one.where for one in seen if isinstance(one.answer, Foreign)]
    foreign += [
        one.where for one in seen if isinstance(one.answer, Silent) and not one.candidate.opencode
    ]
    return [*filter(None, found), *_no_opencode(foreign)]


def _one(one: Seen, *, asked: bool) -> Finding | None:
    match one.answer:
        case Locked():
            return _locked(one.where) if one.candidate.opencode else _unseen(one)
        case Broken(_, reason):
            return _failed(one.where, reason)
        case Healthy(identity) if asked:
            return Finding(
                _CODE,
                Status.WARNING,
                f"An OpenCode server is not among the router's projects: {identity.directory}",
                (one.where,),
                "It answers here. Either it has just started, or the router runs with other "
                "settings or cannot see it (a container).",
                ("ocr-router doctor --only listeners",),
            )
        case Silent() if one.candidate.opencode and one.young:
            text = "An OpenCode server is starting"
            return Finding(_CODE, Status.INFO, text, (one.where,))
        case Silent() if one.candidate.opencode:
            return _mute(Status.WARNING, one.where, one.candidate.cwd)
    return None


def _mute(status: Status, where: str, directory: str | None) -> Finding:
    return Finding(
        _CODE,
        status,
        "An OpenCode server does not answer",
        (where,),
        "It has too much to do, or hangs: what is asked of its project waits.",
        _again(directory),
    )


def _again(directory: str | None) -> tuple[str, ...]:
    if directory is None:
        return ("ocr-router ps",)
    shown = shlex.quote(directory)
    return (f"ocr-router stop {shown} && ocr-router start {shown}",)


def _locked(where: str) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        "An OpenCode server wants a password that the router does not know",
        (where,),
        "Requests are passed on, but who asks must know that server's password.",
        ("Put it into OPENCODE_SERVER_PASSWORD, then: ocr-router serve",),
    )


def _unseen(one: Seen) -> Finding:
    url = f"http://USER:PASSWORD@{one.candidate.listener.authority}"
    mends = ("docker run --network host --pid host ...",) if one.outside else ()
    return Finding(
        _CODE,
        Status.WARNING,
        "A server that wants a password listens; whose process it is cannot be seen from here",
        (one.where,),
        "Where its process is seen, so is its password. Else it must be given; USER is opencode, "
        "unless the server was told another.",
        (*mends, f"ocr-router serve --backend NAME={url}"),
    )


def _failed(where: str, reason: str) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        "An OpenCode server does not load its project",
        (where, *reason.splitlines()[:3]),
        "It answers every request with an error until the project's configuration is mended.",
        ("Mend what it says; it is usually opencode.json in the project's directory.",),
    )


def adopted(rows: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return what is wrong with servers that the router has; its own are `managed`'s."""
    found = []
    for row in rows:
        where = f"{row['slug']}: {row['project_path']} (port {row['port']}, pid {row['pid']})"
        if row["status"] == "locked":
            found.append(_locked(where))
        elif row["status"] == "busy":  # it did answer before, and may again
            found.append(_mute(Status.INFO, where, str(row["project_path"])))
        elif row["status"] == "failed" and not row["managed"]:
            found.append(_failed(where, str(row["reason"])))
        elif row["status"] == "starting" and row["reason"] and not row["managed"]:
            found.append(_unreached(row))
    return found


def _unreached(row: Mapping[str, Any]) -> Finding:
    """Tell of one that the user has named, and that never answered or does no more."""
    return Finding(
        _CODE,
        Status.WARNING,
        f"The server of --backend {row['slug']} is not reached: {row['reason']}",
        (f"{row['slug']}: {row['project_path']}",),
        "Nothing is passed on to it until it answers as OpenCode; the router asks again and again.",
        (f"Start it there, or mend the URL: ocr-router serve --backend {row['slug']}=http://...",),
    )


def _ports(rows: list[Mapping[str, Any]]) -> set[int]:
    return {server["port"] for row in rows for server in row["servers"]}


def _no_opencode(where: list[str]) -> list[Finding]:
    if not where:
        return []
    why = "Other programs may listen there: what does not answer as OpenCode is left alone."
    text = f"In the range for servers others listen that are no OpenCode ({len(where)})"
    return [Finding(_CODE, Status.INFO, text, tuple(where[:_SHOWN]), why)]


def _of_others(others: list[tuple[Listener, str]]) -> list[Finding]:
    if not others:
        return []
    where = tuple(f"{one.authority}: {who}" for one, who in others[:_SHOWN])
    why = "A router takes in the servers of its own user only: theirs would run commands as them."
    text = f"In the range for servers other users listen ({len(others)})"
    return [Finding(_CODE, Status.INFO, text, where, why)]


def _fine(adopted: int, seen: list[Seen]) -> Finding:
    healthy = sum(isinstance(one.answer, Healthy) for one in seen)
    where = tuple(one.where for one in seen if isinstance(one.answer, Healthy))[:_SHOWN]
    if healthy:  # the router is down
        text = f"OpenCode servers listen: {healthy}; a router would take them in"
        return Finding(_CODE, Status.OK, text, where)
    text = f"Servers in the router's table: {adopted}; none is left out"
    return Finding(_CODE, Status.OK, text if adopted else "No OpenCode server listens")


def _blind(facts: Facts) -> Finding:
    if facts.settings.adopt_unowned:
        return Finding(_CODE, Status.SKIPPED, "The kernel does not tell here who listens")
    return Finding(
        _CODE,
        Status.WARNING,
        "The kernel does not tell here who listens",
        (f"neither netlink nor {facts.proc}/net/tcp can be read",),
        "Only servers that the router starts itself are taken in.",
        ("ocr-router serve --adopt-unowned",),
    )


CHECKS = (Check(_CODE, "Servers that listen and are no projects", look),)
