"""``ocr ls``, ``hosts``, ``sessions``, ``attention``: the fleet without a screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from opencoderouter.cli import remote_text
from opencoderouter.cli.remote_fleet import Work, named, put, say, unreached, using
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
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host", metavar="HOST", help="Only of this host, or pattern; more than once for more."
    ),
]
Project = Annotated[
    str, typer.Option("--project", metavar="DIR", help="Only of this directory, or its end.")
]
Archived = Annotated[
    bool, typer.Option("--archived", help="Archived sessions, too.", show_default=False)
]
_Found = tuple[Entry, Session, Status]


@taking
def ls(context: typer.Context) -> int:
    """Print hosts, their projects, and the sessions of these.

    Exit code 3: hosts were not reached, what the others have is printed.
    """

    async def job(work: Work) -> int:
        fleet = await work.asked()
        if not fleet.entries:
            say(_NONE)
        else:
            style = remote_text.style()
            put(remote_text.tree(fleet, work.preferences, work.clock(), style))
        return unreached(fleet)

    return using(start(context), job)


@taking
def hosts(context: typer.Context, json_: Json = False, watch: Watch = False) -> int:  # noqa: FBT002 - flags
    """Print every host, its state, why it is in it, and what mends that.

    With --watch go on: a line for each host that changes; with --json one document a line, {"at",
    "hosts"}, whenever something has changed. It ends with exit code 0 on Ctrl+C and SIGTERM, and
    when nobody reads any more.
    """
    if watch:
        from opencoderouter.cli.remote_watch import watching

        return using(start(context), lambda work: watching(work, as_json=json_))

    async def job(work: Work) -> int:
        fleet, now, display = await work.asked(), work.clock(), work.preferences.display
        if json_:
            _json(document.hosts(fleet, now, display))
        elif not fleet.entries:
            say(_NONE)
        else:
            put(remote_text.hosts(fleet.entries.values(), now, display, remote_text.style()))
        return 0

    return using(start(context), job)


@taking
def sessions(
    context: typer.Context,
    json_: Json = False,  # noqa: FBT002 - a flag
    state: State = None,
    host: Hosts = None,
    project: Project = "",
    archived: Archived = False,  # noqa: FBT002 - a flag
) -> int:
    """Print all sessions of all hosts.

    Exit code 3: hosts were not reached, what the others have is printed.
    """
    states = set(state or ()) or set(Status)
    if not archived and Status.ARCHIVED not in (state or ()):
        states -= {Status.ARCHIVED}
    globs = tuple(host or ())
    is_wanted = naming.wanted(host=globs, project=project)

    async def job(work: Work) -> int:
        fleet, now = await work.asked(), work.clock()
        found = [
            row
            for row in document.sessions(fleet, now, work.preferences.display)
            if row[2] in states and is_wanted(row[0].host.alias, row[1])
        ]
        found.sort(key=_order(work.preferences.sessions.sort_by))
        if json_:
            _json([document.session(e.host.alias, s, st, stale=e.stale) for e, s, st in found])
        elif found:
            put(remote_text.sessions(found, now, remote_text.style()))
        else:
            say("there are no such sessions")
        return unreached(fleet, globs or ("*",))

    return using(start(context), job, named(globs))


@taking
def attention(context: typer.Context, json_: Json = False, host: Hosts = None) -> int:  # noqa: FBT002 - a flag
    """Print what waits for a person, on all hosts, oldest first; then what failed.

    Exit code 3: hosts were not reached, what the others have is printed.
    """
    globs = tuple(host or ())

    async def job(work: Work) -> int:
        fleet = await work.asked()
        found = [one for one in waiting(fleet) if naming.concerns(one, globs)]
        if json_:
            _json([document.item(one) for one in found])
        elif found:
            put(remote_text.items(found, work.clock(), remote_text.style()))
        else:
            say("nothing waits for you")
        return unreached(fleet, globs or ("*",))

    return using(start(context), job, named(globs))


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
