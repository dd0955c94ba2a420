"""``ocr ls``, ``hosts``, ``sessions``, ``attention``: the fleet without a screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from opencoderouter.cli import remote_text
from opencoderouter.cli.remote_fleet import Work, put, say, unread, using
from opencoderouter.cli.remote_hosts import Hosts
from opencoderouter.cli.remote_options import Json, start, taking
from opencoderouter.core.fleet import document, naming
from opencoderouter.core.fleet.attention import attention as waiting
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import Session
from opencoderouter.core.fleet.preferences import SortBy
from opencoderouter.core.fleet.status import Status

Watch = Annotated[
    bool, typer.Option("--watch", help="Go on, and print what changes.", show_default=False)
]
State = Annotated[
    list[Status] | None,
    typer.Option("--state", help="Only these; more than once for more.", show_default=False),
]
Project = Annotated[
    str, typer.Option("--project", metavar="DIR", help="Only of this directory, or its end.")
]
Archived = Annotated[
    bool, typer.Option("--archived", help="Archived sessions, too.", show_default=False)
]
_Found = tuple[Entry, Session, Status]


@taking
def ls(context: typer.Context, host: Hosts = None) -> int:
    """Print hosts, their projects, and the sessions of these.

    Exit code 3: not all could be read, what there is is printed.
    """

    async def job(work: Work) -> int:
        fleet = await work.asked()
        if not fleet.entries:
            say(_NONE)
        else:
            style = remote_text.style()
            put(remote_text.tree(fleet, work.preferences, work.clock(), style))
        return unread(fleet)

    return using(start(context), job, host)


@taking
def hosts(
    context: typer.Context,
    host: Hosts = None,
    json_: Json = False,  # noqa: FBT002 - a flag
    watch: Watch = False,  # noqa: FBT002 - a flag
) -> int:
    """Print every host, its state, why it is in it, and what mends that.

    With --watch go on: a line for each host that changes; with --json one document a line, {"at",
    "hosts"}, whenever something has changed. It ends with exit code 0 on Ctrl+C and SIGTERM, and
    when nobody reads any more.
    """
    if watch:
        from opencoderouter.cli.remote_watch import watching

        return using(start(context), lambda work: watching(work, as_json=json_), host)

    async def job(work: Work) -> int:
        fleet, now, display = await work.asked(), work.clock(), work.preferences.display
        if json_:
            _json(document.hosts(fleet, now, display))
        elif not fleet.entries:
            say(_NONE)
        else:
            put(remote_text.hosts(fleet.entries.values(), now, display, remote_text.style()))
        return 0

    return using(start(context), job, host)


@taking
def sessions(
    context: typer.Context,
    host: Hosts = None,
    json_: Json = False,  # noqa: FBT002 - a flag
    state: State = None,
    project: Project = "",
    archived: Archived = False,  # noqa: FBT002 - a flag
) -> int:
    """Print all sessions.

    Exit code 3: not all could be read, what there is is printed.
    """
    states = set(state or ()) or set(Status)
    if not archived and Status.ARCHIVED not in (state or ()):
        states -= {Status.ARCHIVED}

    async def job(work: Work) -> int:
        fleet, now = await work.asked(), work.clock()
        found = [
            row
            for row in document.sessions(fleet, now, work.preferences.display)
            if row[2] in states and naming.is_of(project, row[1])
        ]
        found.sort(key=_order(work.preferences.sessions.sort_by))
        if json_:
            _json([document.session(e.host.alias, s, st, stale=e.stale) for e, s, st in found])
        elif found:
            put(remote_text.sessions(found, now, remote_text.style()))
        else:
            say("there are no such sessions")
        return unread(fleet)

    return using(start(context), job, host)


@taking
def attention(context: typer.Context, host: Hosts = None, json_: Json = False) -> int:  # noqa: FBT002 - a flag
    """Print what waits for a person, oldest first; then what failed.

    Exit code 3: not all could be read, what there is is printed.
    """

    async def job(work: Work) -> int:
        fleet = await work.asked()
        found = waiting(fleet)
        if json_:
            _json([document.item(one) for one in found])
        elif found:
            put(remote_text.items(found, work.clock(), remote_text.style()))
        else:
            say("nothing waits for you")
        return unread(fleet)

    return using(start(context), job, host)


_NONE = "there are no hosts: ssh's configuration names none, or `hosts.include` leaves them out"


def _json(rows: object) -> None:
    put(json.dumps(rows, indent=2))


def _order(sort_by: SortBy) -> Callable[[_Found], tuple[str, float]]:
    def key(row: _Found) -> tuple[str, float]:
        entry, session, _ = row
        newest = -(session.updated or 0)
        match sort_by:
            case SortBy.NAME:
                return session.title.casefold(), newest
            case SortBy.HOST:
                return entry.host.name.casefold(), newest
            case SortBy.LAST_ACTIVITY:
                return "", newest

    return key
