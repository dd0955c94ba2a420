"""What is known of one group, host, project or session: what the panel says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opencoderouter.core.fleet.branch import Row, title
from opencoderouter.core.fleet.control import Detail, Failed
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.line import Pen, Span, tally
from opencoderouter.core.fleet.model import Load, Report, Server, Session, Via
from opencoderouter.core.fleet.projects import Known, Project
from opencoderouter.core.fleet.refs import directory_of
from opencoderouter.core.fleet.status import SESSIONS, Role, host_sign, session_sign, sign
from opencoderouter.core.fleet.wording import (
    ago,
    before,
    countdown,
    counted,
    figure,
    money,
    short,
    size,
)
from opencoderouter.core.printable import printable

_LONGEST = 4000  # letters of a message or an error that are shown


@dataclass(frozen=True, slots=True)
class Part:
    """One line before it is wrapped: a heading, or text after a label, or after a mark."""

    spans: tuple[Span, ...]
    label: str = ""
    heading: bool = False
    mark: bool = False  # the label takes no more room than it needs


def inspect(row: Row | None, pen: Pen, detail: Detail | Failed | None = None) -> tuple[Part, ...]:
    """Return what the panel says of a row; ``detail`` is what was read of its session."""
    if row is None:
        return ()
    if row.known is not None and row.entry is not None:
        return tuple(_session(row.known, row.entry, pen, detail))
    if row.project is not None and row.entry is not None:
        return tuple(_project(row.project, row.entry, pen))
    if row.entry is not None:
        return tuple(_host(row.entry, row, pen))
    return tuple(_group(row, pen))


def _heading(text: str) -> Part:
    return Part(((printable(text), Role.STRONG),), heading=True)


def _fact(label: str, text: str, role: Role = Role.TEXT) -> Iterator[Part]:
    """Yield a line, unless there is nothing to say."""
    if text:
        yield Part(((printable(text), role),), label)


def _text(text: str, role: Role = Role.TEXT) -> Iterator[Part]:
    """Yield the lines of a text of others."""
    for line in text[:_LONGEST].splitlines():
        yield Part(((printable(line.expandtabs(4)), role),))


def _group(row: Row, pen: Pen) -> Iterator[Part]:
    yield _heading(row.name)
    yield from _fact("hosts", f"{row.tally.on} of {row.tally.hosts} on")
    yield from _counts(row, pen)


def _counts(row: Row, pen: Pen) -> Iterator[Part]:
    now = tuple(tally(row.tally, pen))
    yield Part(((figure(row.tally.sessions), Role.TEXT), *now), "sessions")


def _host(entry: Entry, row: Row, pen: Pen) -> Iterator[Part]:
    report, host = entry.report, entry.host
    yield _heading(host.name)
    yield from _fact("alias", host.alias if host.label else "")
    yield from _fact("group", host.group)
    if report is None:
        yield from _fact("state", "being asked" if entry.probing else "not asked yet", Role.DIM)
    else:
        yield from _state(entry, report, pen)
    yield from _address(entry)
    if entry.good is not None:
        yield from _found(entry.good, row, pen)
    yield from _times(entry, pen)


def _state(entry: Entry, report: Report, pen: Pen) -> Iterator[Part]:
    mark = host_sign(report.state)
    words = f"{sign(mark, pen.display)} {report.state.replace('_', ' ')}"
    yield from _fact("state", words, mark.role)
    yield from _fact("reason", report.reason)
    yield from _fact("wants", report.how)
    yield from _fact("blocked by", report.blocked_by)
    for command in report.mend:
        yield from _fact("to mend", command, Role.ACCENT)
    for failure in report.failures:
        yield from _fact(failure.part, failure.reason, Role.WARN)
    if entry.stale and entry.good is not None:
        yield from _fact("stale", f"shown as of {before(entry.good.at, pen.now)}", Role.WARN)


def _address(entry: Entry) -> Iterator[Part]:
    resolved, report = entry.resolved, entry.report
    if resolved is not None and not entry.host.local:
        user = f"{resolved.user}@" if resolved.user else ""
        yield from _fact("address", f"{user}{resolved.hostname}:{resolved.port}")
        yield from _fact("through", " -> ".join(resolved.jumps) or resolved.proxy_command)
    if report is not None and report.via is not None:
        yield from _fact("transport", _via(report))


def _via(report: Report) -> str:
    names = {Via.LOCAL: "this machine", Via.FABRIC: "Fabric", Via.OPENSSH: "OpenSSH"}
    name = names[report.via] if report.via is not None else ""
    return f"{name}: {report.via_reason}" if report.via_reason else name


def _found(report: Report, row: Row, pen: Pen) -> Iterator[Part]:
    yield from _counts(row, pen)
    yield from _fact("opencode", f"{report.version} {report.program}".strip())
    yield from _fact("system", report.system)
    if report.load is not None:
        yield from _load(report.load)
    if report.router is not None:
        yield from _fact("router", f":{report.router.port} {report.router.version}".strip())
    for server in report.servers:
        yield from _server(server)


def _load(load: Load) -> Iterator[Part]:
    if load.load1 is not None:
        yield from _fact("load", f"{load.load1:.2f}" + (f" of {load.cpus}" if load.cpus else ""))
    yield from _room("memory", load.memory_available, load.memory_total)
    yield from _room("disk", load.disk_available, load.disk_total)


def _room(label: str, free: int | None, total: int | None) -> Iterator[Part]:
    if free is not None:
        yield from _fact(label, f"{size(free)} free" + (f" of {size(total)}" if total else ""))


def _server(server: Server) -> Iterator[Part]:
    notes = [
        f":{server.port}",
        server.directory,
        server.version,
        f"pid {server.pid}" if server.pid else "",
        "of a router" if server.managed else "",
        "wants a password" if server.locked else "",
    ]
    yield from _fact("server", "  ".join(note for note in notes if note))


def _times(entry: Entry, pen: Pen) -> Iterator[Part]:
    if entry.report is not None:
        took = f", took {entry.report.took:.1f} s" if entry.report.took else ""
        yield from _fact("asked", f"{before(entry.report.at, pen.now)}{took}", Role.DIM)
    if entry.failures:
        yield from _fact("failed", f"{counted(entry.failures, 'time')} in a row", Role.WARN)
    if entry.next_at is not None:
        yield from _fact("again in", countdown(entry.next_at - pen.now), Role.DIM)


def _project(project: Project, entry: Entry, pen: Pen) -> Iterator[Part]:
    yield _heading(project.name)
    yield from _fact("directory", project.ref.directory)
    yield from _fact("host", entry.host.name)
    now = tuple(tally(project.tally, pen))
    yield Part(((figure(project.tally.sessions), Role.TEXT), *now), "sessions")
    yield from _fact("last", before(project.updated or None, pen.now))
    for server in project.servers:
        yield from _server(server)
    cost = sum(known.session.cost or 0 for known in project.sessions)
    yield from _fact("cost", money(cost) if cost else "")


def _session(
    known: Known, entry: Entry, pen: Pen, detail: Detail | Failed | None
) -> Iterator[Part]:
    session = known.session
    yield _heading(title(known))
    yield from _now(known, pen)
    yield from _fact("id", session.id)
    yield from _fact("directory", session.directory)
    inside = directory_of(session)
    yield from _fact("project", inside if inside != session.directory else "")
    yield from _fact("host", entry.host.name)
    yield from _spent(session)
    yield from _fact("updated", before(session.updated, pen.now))
    yield from _fact("created", before(session.created, pen.now))
    yield from _fact("archived", before(session.archived, pen.now))
    if entry.stale and entry.good is not None:
        yield from _fact("stale", f"as of {before(entry.good.at, pen.now)}", Role.WARN)
    yield from _detail(session, detail)


def _now(known: Known, pen: Pen) -> Iterator[Part]:
    session, mark = known.session, SESSIONS[known.status]
    glyph = session_sign(known.status, pen.display, 0)
    yield from _fact("status", f"{glyph} {known.status.upper()}", mark.role)
    yield from _fact(" ", session.live_reason, Role.DIM)
    for ask in session.asks:
        since = f" ({ago(ask.since, pen.now)})" if ask.since is not None else ""
        yield from _fact("asks", f"{ask.text}{since}", Role.WARN)
    if session.live is None:
        yield from _fact(" ", "no server could be asked about it", Role.DIM)


def _spent(session: Session) -> Iterator[Part]:
    yield from _fact("agent", session.agent)
    yield from _fact("model", session.model)
    if session.tokens_in is not None or session.tokens_out is not None:
        parts = f"{short(session.tokens_in or 0)} in, {short(session.tokens_out or 0)} out"
        yield from _fact("tokens", parts)
    yield from _fact("cost", money(session.cost) if session.cost is not None else "")
    yield from _fact("messages", figure(session.messages) if session.messages is not None else "")


def _detail(session: Session, detail: Detail | Failed | None) -> Iterator[Part]:
    if isinstance(detail, Detail):
        yield from _error(detail.error or session.error)
        yield from _todo(detail)
        yield from _changes(detail)
        yield from _messages(detail)
        for part in detail.missing:
            yield from _text(part, Role.DIM)
        return
    yield from _error(session.error)
    if isinstance(detail, Failed):
        yield _heading("Not read")
        yield from _text(detail.summary, Role.WARN)


def _error(error: str) -> Iterator[Part]:
    if error:
        yield _heading("Error")
        yield from _text(error, Role.BAD)


def _todo(detail: Detail) -> Iterator[Part]:
    marks = {"completed": "[x]", "in_progress": "[>]", "cancelled": "[-]"}
    if detail.todo:
        yield _heading("Todo")
    for todo in detail.todo:
        role = {"completed": Role.DIM, "in_progress": Role.ACCENT}.get(todo.status, Role.TEXT)
        mark = marks.get(todo.status, "[ ]")
        yield Part(((printable(todo.text), role),), mark, mark=True)


def _changes(detail: Detail) -> Iterator[Part]:
    if detail.changes:
        yield _heading(f"Changes in {counted(len(detail.changes), 'file')}")
    for change in detail.changes:
        yield Part(
            (
                (f"+{change.added} ", Role.GOOD),
                (f"-{change.removed} ", Role.BAD),
                (printable(change.path), Role.TEXT),
            )
        )


def _messages(detail: Detail) -> Iterator[Part]:
    if detail.messages:
        yield _heading("Last messages")
    for message in detail.messages:
        role = Role.ACCENT if message.role == "user" else Role.GOOD
        yield Part(((printable(message.role), role),))
        yield from _text(message.text)
        yield from _text(message.error, Role.BAD)
