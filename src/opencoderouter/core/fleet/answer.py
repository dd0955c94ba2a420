"""What a host has answered to ``fleet/probe.sh``, as values. Pure; nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.frames import TIMED_OUT, Item, Part, read_frames
from opencoderouter.core.fleet.listening import Place, read_places
from opencoderouter.core.fleet.model import Failure, Load, Session

_VERSION = re.compile(r"v?(\d{1,20}\.\d{1,20}[\w.+-]{0,40})")
_DISK = re.compile(r" ([0-9]+) [0-9]+ ([0-9]+) [0-9]+% ")  # names around it may have spaces
_MARK = re.compile(r"\d{1,20} \d{1,20}")  # as cksum has it
_STOPPED = "MessageAbortedError"  # a person stopped it: no error
_UNKNOWN = Part()
_KIB = 1024
_MOST = 20_000  # sessions; the script asks for a tenth, of each of 50 projects at most


@dataclass(frozen=True, slots=True)
class Marks:
    """Of what an answer was made: the program's file, and what the database holds.

    As long as a mark is the same on the host, so is the version, or are the sessions. Empty where
    there is none.
    """

    program: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One answer. ``roots`` says of a subagent's session to which session of these it belongs.

    ``unfinished`` are sessions whose last message has not come to its end, so that a server may
    be at work on them, or one that was killed was.
    """

    system: str = ""
    program: str = ""
    version: str = ""
    load: Load | None = None
    places: tuple[Place, ...] = ()
    sessions: tuple[Session, ...] = ()
    roots: Mapping[str, str] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()
    failures: tuple[Failure, ...] = ()
    marks: Marks = Marks()

    @property
    def lasting(self) -> Told:
        """Return what may be kept for the next answer: no secret is in it."""
        return replace(self, load=None, places=(), failures=())


_NOTHING = Told()


def read_answer(output: bytes, nonce: str, before: Told = _NOTHING) -> Told | None:
    """Return what the script has told; None when it did not run. What is missing is a failure.

    ``before`` is the answer whose marks the script has got: what has not changed is taken of it.
    """
    frames = read_frames(output, nonce)
    if frames is None:
        return None
    get = frames.parts.get
    program, told = (
        _opencode(get("opencode", _UNKNOWN), before),
        _sessions(get("sessions", _UNKNOWN), before),
    )
    system, load = _host(get("host", _UNKNOWN).text)
    troubles = (*_troubles(frames.parts, "host"), *_troubles(frames.parts, "servers"))
    return replace(
        told,
        system=system,
        program=program.program,
        version=program.version,
        load=load,
        places=read_places(get("servers", _UNKNOWN).text),
        failures=(*program.failures, *told.failures, *troubles),
        marks=Marks(program.marks.program, told.marks.database),
    )


def read_servers(output: bytes, nonce: str) -> tuple[Place, ...] | None:
    """Return who listens, as a run for that alone has told; None when that did not come."""
    frames = read_frames(output, nonce)
    part = frames.parts.get("servers", _UNKNOWN) if frames else _UNKNOWN
    return None if part.trouble else read_places(part.text)


def _troubles(parts: Mapping[str, Part], name: str) -> Iterator[Failure]:
    trouble = _trouble(parts.get(name, _UNKNOWN), "the host")
    if trouble:
        yield Failure(name, trouble)


def _trouble(part: Part, who: str) -> str:
    """Return why a part is not all, or nothing. ``who`` it is that may have taken too long."""
    return f"{who} took too long" if part.code == TIMED_OUT else part.trouble


def _opencode(part: Part, before: Told) -> Told:
    """Return where the program is, its version, and what is wrong with either."""
    said = part.text
    lines = said.splitlines()
    program = next((line[8:] for line in lines if line.startswith("program /")), "")
    mark = _mark(next((line[5:] for line in lines if line.startswith("file ")), ""))
    _, asked, told = said.partition("version ")
    found = _VERSION.fullmatch(told.strip().partition("\n")[0].strip())
    wrong = []
    if "missing" in lines:
        wrong.append("there is no program at opencode_path")
    if part.trouble:
        wrong.append(f"{program}: {part.trouble}" if program else _trouble(part, "the host"))
    elif asked and not found:
        wrong.append(f"{program}: does not tell its version")
    is_same = mark and not asked and mark == before.marks.program
    version = found[1] if found else before.version if is_same else ""
    failures = tuple(Failure("opencode", reason) for reason in wrong)
    marks = Marks(program=mark if version else "")
    return Told(program=values.directory(program), version=version, failures=failures, marks=marks)


def _mark(text: str) -> str:
    """Return what the host calls a state of its, or nothing."""
    return text.strip() if _MARK.fullmatch(text.strip()) else ""


def _sessions(part: Part, before: Told) -> Told:
    """Return sessions (newest first), roots of their children, the unfinished, what went wrong."""
    rows = [row for item in part.items for row in _rows(item) or ()]
    wrong = _wrong(part)
    if len(rows) > _MOST:
        wrong.insert(0, f"only {_MOST} of {len(rows)} sessions are read")
    failures = tuple(Failure("sessions", reason) for reason in wrong[:3])
    if any(item.word == "unchanged" for item in part.items):
        return replace(before, failures=failures)
    found = dict[str, Session]()
    roots, unfinished = dict[str, str](), set[str]()
    for row in islice(rows, _MOST):
        session = _session(row)
        if session is not None and session.id not in found:
            found[session.id] = session
            roots |= dict.fromkeys(_children(row), session.id)
            if _last(row)[1] == "assistant" and _last(row)[2] is None:
                unfinished.add(session.id)
    newest = sorted(found.values(), key=lambda session: -(session.updated or 0))
    mark = "" if wrong else next((item.text for item in part.items if item.word == "mark"), "")
    return Told(
        sessions=tuple(newest),
        roots=roots,
        unfinished=frozenset(unfinished),
        failures=failures,
        marks=Marks(database=_mark(mark)),
    )


def _wrong(part: Part) -> list[str]:
    """Return why these may not be all sessions."""
    wrong = [
        f"opencode's answer is no list: {item.text[:80]!r}"
        for item in part.items
        if _rows(item) is None
    ]
    trouble, is_late = _trouble(part, "OpenCode"), part.code in (None, TIMED_OUT)
    if any(item.word == "failed" for item in part.items) and (is_late or not trouble):
        wrong = [f"opencode db: {part.complaint or 'failed'}; asked project by project"]
    if trouble and (is_late or not wrong):
        wrong.append(trouble)
    return wrong


def _rows(item: Item) -> list[dict[str, object]] | None:
    """Return the objects of OpenCode's JSON; None where it has something else to say.

    An empty list may be nothing at all, and lines may come before it.
    """
    if item.word not in ("db", "list") or not item.text.strip():
        return []
    return values.array(item.text)


def _session(row: Mapping[str, object]) -> Session | None:
    get = row.get
    found, place = values.session_id(get("id")), values.directory(get("directory"))
    if not found or not place:
        return None
    worktree, error = values.directory(get("worktree")), _last(row)[0]
    return Session(
        found,
        title=values.text(get("title")),
        directory=place,
        project="" if worktree == "/" else worktree,
        agent=values.text(get("agent")),
        model=values.text(get("model")),
        cost=values.number(get("cost")),
        tokens_in=values.whole(get("tokens_in")),
        tokens_out=values.whole(get("tokens_out")),
        messages=values.whole(get("messages")),
        created=values.moment(get("created")),
        updated=values.moment(get("updated")),
        archived=values.moment(get("archived")),
        error="" if error == _STOPPED else error,
    )


def _last(row: Mapping[str, object]) -> tuple[str, str, float | None]:
    """Return error, role and end of the newest message."""
    said = values.load(values.text(row.get("last")))
    error, role, ended = said if isinstance(said, list) and len(said) == 3 else ("", "", None)  # noqa: PLR2004 - as the SQL makes it
    return values.text(error), values.text(role), values.moment(ended)


def _children(row: Mapping[str, object]) -> Iterator[str]:
    said = row.get("children")
    if isinstance(said, str):
        yield from filter(None, map(values.session_id, said.split(",")))


def _host(text: str) -> tuple[str, Load | None]:
    """Return system and load; None where nothing was told."""
    words = [line.partition(" ") for line in text.splitlines()]
    told = {name: value.split() for name, _, value in reversed(words)}
    sizes = _DISK.search(" ".join(told.get("disk", [])))
    disk = list(sizes.groups()) if sizes else []
    load = Load(
        load1=_figure(told.get("load", []), 1 if told.get("load", [""])[:1] == ["{"] else 0),
        cpus=_whole(told.get("cpus", [])),
        memory_total=_whole(told.get("MemTotal:", []), 0, _KIB),
        memory_available=_whole(told.get("MemAvailable:", []), 0, _KIB),
        disk_total=_whole(disk, 0, _KIB),
        disk_available=_whole(disk, 1, _KIB),
    )
    return " ".join(told.get("system", []))[:100], None if load == Load() else load


def _whole(words: list[str], at: int = 0, unit: int = 1) -> int | None:
    found = _figure(words, at)
    return None if found is None else int(found) * unit


def _figure(words: list[str], at: int) -> float | None:
    """Return the number at a place of a line, or None."""
    try:
        return values.number(float(words[at]))
    except (IndexError, ValueError):
        return None
