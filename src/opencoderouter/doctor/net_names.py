"""Whether names are what one expects: the machine's, and those of the projects on the network."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opencoderouter.core.hosts import ROUTER
from opencoderouter.core.slug import LABEL
from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import told
from opencoderouter.labels import LabelFile
from opencoderouter.wiring.names import place

_CODE = "names"
_LIST = "/api/backends"
_FILE = "labels.json"
_VALID = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_NOBODYS = frozenset({"", "localhost", "(none)", "none"})


async def run(facts: Facts) -> Iterable[Finding]:
    """Look at the machine's name, then at what others took away."""
    state = await told(facts)
    answer = await facts.router.get(_LIST)
    rows = answer.body if isinstance(answer, Answered) and isinstance(answer.body, list) else []
    owner = state.owner or facts.settings.owner
    lost = _told(rows, owner) if rows else _stored(facts)
    found = [*_machine(socket.gethostname()), *_lost(lost, owner, facts)]
    name = f": {state.domain}" if state.domain else ""
    return found or [Finding(_CODE, Status.OK, f"The names of machine and projects are free{name}")]


def _machine(name: str) -> Iterator[Finding]:
    label = name.partition(".")[0]
    if reason := _objection(label):
        yield Finding(
            _CODE,
            Status.WARNING,
            f"The name of this machine {reason}",
            (f"hostname: {name!r}",),
            "The router goes by this name, and names that two machines want are told apart by it.",
            ("sudo hostnamectl set-hostname NAME", "sudo hostname NAME  # without systemd"),
        )


def _objection(label: str) -> str:
    if label.lower() in _NOBODYS:
        return "is no name: every machine is called so"
    if len(label) > LABEL:
        return f"is too long: {len(label)} characters, {LABEL} can be told"
    if _VALID.fullmatch(label) is None:
        return "has other characters than letters, digits and hyphens"
    return ""


def _told(rows: list[Mapping[str, Any]], owner: str) -> dict[str, str]:
    """Return slug to host label of the projects that do not have their usual one."""
    pairs = {str(row.get("slug")): str(row.get("domain") or "") for row in rows}
    return {
        slug: domain.removesuffix(".local")
        for slug, domain in pairs.items()
        if domain and domain != f"{slug}-{owner}.local"
    }


def _stored(facts: Facts) -> dict[str, str]:
    """Return the same from the file: without a router, that is all there is."""
    return LabelFile(facts.settings.state_dir / _FILE, place(facts.settings)).load()


def _lost(lost: Mapping[str, str], owner: str, facts: Facts) -> Iterator[Finding]:
    others = {slug: label for slug, label in lost.items() if slug != ROUTER}
    if not others:
        return
    seen = tuple(f"{slug}-{owner}.local: here {label}.local" for slug, label in others.items())
    yield Finding(
        _CODE,
        Status.INFO,
        f"Another machine has the name{'s' if len(others) > 1 else ''} of {', '.join(others)}",
        seen,
        "Two machines have a project of one name and one owner; the usual name leads to the other.",
        (f"rm {facts.settings.state_dir / _FILE}", "ocr-router serve --username NAME"),
    )


CHECKS = (Check(_CODE, "Names of the machine and of projects", run),)
