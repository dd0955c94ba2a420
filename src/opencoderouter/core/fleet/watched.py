"""What ``ocr hosts --watch --json`` says of a fleet, for who has it run: the router.

A line is ``{"at", "hosts": [...]}``, with every host as ``core.fleet.document`` has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.printable import printable

_LONGEST = 300  # characters of a text that a host may have had a say in
_END = 253_402_300_800  # seconds; the year 10000, which no date is written for
_STATES = frozenset(HostState)


@dataclass(frozen=True, slots=True)
class Watched:
    """One host. ``state`` is None until it was asked; ``at`` (seconds since the epoch) as well.

    ``sessions`` (archived ones not; None where nobody knows), of which some are ``busy`` now and
    some are ``waiting`` for a person. ``stale``: all but state and reason is what was seen before.
    """

    alias: str
    label: str = ""
    group: str = ""
    state: HostState | None = None
    reason: str = ""
    at: float | None = None
    version: str = ""
    sessions: int | None = None
    busy: int = 0
    waiting: int = 0
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Watching:
    """How the watcher does, and what it has said last.

    ``status`` is ``on``, ``starting`` (it has said nothing yet), ``failed`` for a ``reason`` (it is
    begun again after a while) or ``off``. ``restarts`` is how often that was.
    """

    status: str = "off"
    reason: str = ""
    pid: int | None = None
    restarts: int = 0
    hosts: tuple[Watched, ...] = ()


def read_line(line: bytes) -> tuple[Watched, ...] | None:
    """Return the hosts that a line tells of, printable; None when it tells of none.

    What is missing in a host, or of another type, has its default.
    """
    said = values.mapping(values.load(line))
    if not isinstance(said.get("hosts"), list):
        return None
    found = map(_host, values.rows(said["hosts"]))
    return tuple(one for one in found if one.alias)


def _host(said: dict[str, object]) -> Watched:
    counts = values.mapping(said.get("sessions"))
    at, state = values.number(said.get("at")), said.get("state")
    return Watched(
        alias=_text(said.get("alias")),
        label=_text(said.get("label")),
        group=_text(said.get("group")),
        state=HostState(state) if isinstance(state, str) and state in _STATES else None,
        reason=_text(said.get("reason")),
        at=at if at is not None and at < _END else None,
        version=_text(said.get("version")),
        sessions=values.whole(counts.get("total")),
        busy=values.whole(counts.get("thinking")) or 0,
        waiting=values.whole(counts.get("waiting")) or 0,
        stale=said.get("stale") is True,
    )


def _text(value: object) -> str:
    return printable(values.text(value, _LONGEST))
