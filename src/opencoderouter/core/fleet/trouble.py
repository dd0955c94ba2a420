"""What is wrong with one row, in the form of failures: summary, details, what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Report, SessionRef, Target


def troubles(fleet: Fleet, target: Target) -> Iterator[Failed]:
    """Yield what is wrong with a session, and with the host that it is on."""
    entry = fleet.entries.get(target.alias)
    if entry is None:
        return
    if isinstance(target, SessionRef):
        yield from _session(entry, target)
    if entry.report is not None:
        yield from _host(entry.host.name, entry.report)


def _session(entry: Entry, ref: SessionRef) -> Iterator[Failed]:
    for session in entry.sessions:
        if session.id == ref.id and session.error:
            title = session.title or session.id
            yield Failed(f"{title}: {session.error}", "The last message of this session failed.")


def _host(name: str, report: Report) -> Iterator[Failed]:
    if not report.reached:
        how = f"It wants: {report.how}" if report.how else ""
        summary = f"{name}: {report.state.replace('_', ' ')}"
        details = "\n".join(line for line in (report.reason, how) if line)
        yield Failed(summary, details, report.mend)
    for failure in report.failures:
        yield Failed(f"{name}: {failure.part} could not be read", failure.reason)
