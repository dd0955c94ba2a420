"""Stopping, archiving and deleting sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from opencoderouter.core.fleet import scripts, values
from opencoderouter.core.fleet.commands import is_session
from opencoderouter.core.fleet.control import Done, Failed, Outcome
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import SessionRef
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions import exports
from opencoderouter.fleet.actions.serving import Moments
from opencoderouter.fleet.actions.site import Here, Site

_RUNNING = 60.0  # seconds for OpenCode, which may take many to start on a busy host
_EXPORTING = 120.0
_ENDING = 10.0  # seconds that a session has to come to rest
_LOOK = 0.2


async def abort(site: Site, session: SessionRef) -> Outcome:
    """Stop a session at each server that is at work on it, and see that it stops.

    Only the server that runs it can do that; any other one answers the same and does nothing.
    """
    if not is_session(session.id):
        return _no_session(site)
    here = await site.here()
    if isinstance(here, Failed):
        return here
    workers, troubles = await _workers(site, here, session)
    if not workers:
        hint = "A terminal UI without a port cannot be told: press Esc there."
        detail = "\n".join([hint, *(f"{one.summary} {one.detail}" for one in troubles)])
        return site.failed("no server says that it is at work on this session", detail)
    for place in workers:
        failure = await site.confirm(place, session) or await _stop(site, place, session)
        if failure is not None:
            return failure
    return Done(f"{printable(site.host.name)}: stopped", session.id)


async def _workers(site: Site, here: Here, session: SessionRef) -> tuple[list[Place], list[Failed]]:
    """Return who is at work on a session: servers of its directory, else any other one."""
    own = here.of(session.directory)
    troubles: list[Failed] = []
    # Another directory's server loads this directory when it is asked, so it is asked last.
    for group in (own, [one for one in here.servers if one not in own]):
        found = []
        for place in group:
            busy = await site.busy(place, session.directory)
            if isinstance(busy, Failed):
                troubles.append(busy)
            elif session.id in busy:
                found.append(place)
        if found:
            return found, troubles
    return [], troubles


async def _stop(site: Site, place: Place, session: SessionRef) -> Failed | None:
    told = await site.ask(place, "POST", f"/session/{session.id}/abort", {})
    if isinstance(told, Failed):
        return told
    try:
        async with asyncio.timeout(_ENDING):
            while True:
                busy = await site.busy(place, session.directory)
                if isinstance(busy, Failed):
                    return busy
                if session.id not in busy:
                    return None
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return site.failed(f"the session still works {_ENDING:g} s after it was stopped")


async def archive(
    site: Site, moments: Moments, session: SessionRef, clock: Callable[[], float]
) -> Outcome:
    """Archive a session at a server of its directory; where none runs, one does for a moment."""
    if not is_session(session.id):
        return _no_session(site)
    here = await site.here()
    if isinstance(here, Failed):
        return here
    own = here.of(session.directory)
    if at_work := await _at_work(site, own, session):
        return at_work
    place = await site.open_one(own)
    if isinstance(place, Place):
        return await _archive(site, place, session, clock)
    async with moments.server(site, session.directory) as started:
        if isinstance(started, Failed):
            return started
        return await _archive(site, started, session, clock)


async def _archive(
    site: Site, place: Place, session: SessionRef, clock: Callable[[], float]
) -> Outcome:
    if failure := await site.confirm(place, session):
        return failure
    body = {"time": {"archived": round(clock() * 1000)}}
    answer = await site.ask(place, "PATCH", f"/session/{session.id}", body)
    if isinstance(answer, Failed):
        return answer
    time = values.mapping(values.mapping(answer.json).get("time"))
    if not time.get("archived"):
        return site.failed("the server has not archived the session")
    return Done(f"{printable(site.host.name)}: archived", session.id)


async def _at_work(site: Site, places: Sequence[Place], session: SessionRef) -> Failed | None:
    """Return what is against it when a server is at work on a session."""
    for place in places:
        busy = await site.busy(place, session.directory)
        if not isinstance(busy, Failed) and session.id in busy:
            return site.failed("the session is at work; stop it first")
    return None


async def delete(site: Site, session: SessionRef, folder: Path) -> Outcome:
    """Export a session and those of its subagents to ``folder``, then delete it with them.

    Nothing is deleted unless all of it is in whole files here.
    """
    if not is_session(session.id):
        return _no_session(site)
    here = await site.here()
    if isinstance(here, Failed):
        return here
    if at_work := await _at_work(site, here.of(session.directory), session):
        return at_work
    family = await _family(site, session)
    if isinstance(family, Failed):
        return family
    saved = await _export_all(site, family, folder)
    if isinstance(saved, Failed):
        return saved
    return await _delete(site, session) or Done(
        f"{printable(site.host.name)}: deleted; exported to {saved}", str(saved)
    )


async def _family(site: Site, session: SessionRef) -> list[str] | Failed:
    """Return the session and all below it, the session first, as the database has them now."""
    rows = await _listed(site, session.id)
    if isinstance(rows, Failed):
        return rows
    if rows.get(session.id) is None:
        return site.failed("the session is no longer there")
    if rows[session.id] != session.directory:
        return site.failed("the session is not of that directory", rows[session.id])
    return [session.id, *(one for one in rows if one != session.id)]


async def _listed(site: Site, session: str) -> dict[str, str] | Failed:
    arguments = ("db", scripts.family(session), "--format", "json")
    done = await site.run(scripts.opencode(site.program, *arguments), _RUNNING)
    if isinstance(done, Failed):
        return done
    told = values.load(scripts.after_begin(done.stdout) or b"")
    if done.code or not isinstance(told, list):
        return site.failed("opencode db does not answer", done.stderr.decode(errors="replace"))
    found = ((values.session_id(row.get("id")), row) for row in values.rows(told))
    return {name: values.text(row.get("directory"), 4096) for name, row in found if name}


async def _export_all(site: Site, family: Sequence[str], folder: Path) -> Path | Failed:
    """Return the file of the first; those of the others are beside it."""
    paths = []
    for session in family:
        done = await site.run(scripts.export(site.program, session), _EXPORTING)
        if isinstance(done, Failed):
            return done
        content = scripts.after_begin(done.stdout) or b""
        if done.code or (trouble := exports.trouble(content, session)):
            why = trouble if not done.code else "opencode export fails"
            return site.failed(why, done.stderr.decode(errors="replace"))
        try:
            paths.append(exports.save(folder, site.host.alias, session, content))
        except OSError as error:
            return site.failed("the export cannot be written", str(error))
    return paths[0]


async def _delete(site: Site, session: SessionRef) -> Failed | None:
    text = scripts.opencode(site.program, "session", "delete", session.id)
    done = await site.run(text, _RUNNING)
    if isinstance(done, Failed):
        return done
    left = await _listed(site, session.id)
    if isinstance(left, Failed):
        return left
    if left:
        return site.failed("the session is still there", done.stderr.decode(errors="replace"))
    return None


def _no_session(site: Site) -> Failed:
    return site.failed("this is no id of a session")
