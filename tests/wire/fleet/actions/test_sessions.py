"""Tests of stopping, archiving and deleting sessions, with a real shell and an understudy."""

from __future__ import annotations

import asyncio
import json

from tests.rig.corpus import IDS
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.model import SessionRef
from opencoderouter.fleet.actions import beginning, serving, sessions
from opencoderouter.fleet.actions.serving import Moments

NOW = 1_800_000_000.5


async def busy(box: Box) -> SessionRef:
    """Return a session that a server is at work on."""
    directory = str(box.project("app"))
    done = await beginning.new(box.site, directory, "work", "")
    assert isinstance(done, Done), done
    return SessionRef("box", done.value, directory)


def stored(box: Box, session: str = "ses_1") -> SessionRef:
    """Return a session that no server knows of."""
    directory = box.project(session)
    box.add(session, directory)
    return SessionRef("box", session, str(directory))


async def test_abort(box: Box) -> None:
    """The server that is at work on a session stops, and that is seen."""
    ref = await busy(box)
    assert await sessions.abort(box.site, ref) == Done("box: stopped", ref.id)
    again = await sessions.abort(box.site, ref)
    assert isinstance(again, Failed)
    assert "no server says" in again.summary


async def test_abort_elsewhere(box: Box) -> None:
    """A server of another directory may be the one that works."""
    ref = await busy(box)
    sessions_now = box.sessions
    sessions_now[ref.id]["directory"] = "/srv/other"
    (box.home / "sessions.json").write_text(json.dumps(sessions_now))
    done = await sessions.abort(box.site, SessionRef("box", ref.id, "/srv/other"))
    assert isinstance(done, Done)


async def test_abort_of_another_directory(box: Box) -> None:
    """A session that is not where it should be is left alone."""
    ref = await busy(box)
    failed = await sessions.abort(box.site, SessionRef("box", ref.id, "/srv/other"))
    assert isinstance(failed, Failed)
    assert "not of that directory" in failed.summary


async def test_archive_at_a_server(box: Box) -> None:
    """Where a server runs, it archives."""
    ref = stored(box)
    await serving.start(box.site, ref.directory)
    done = await sessions.archive(box.site, Moments(), ref, lambda: NOW)
    assert done == Done("box: archived", "ses_1")
    assert box.sessions["ses_1"]["time"] == {"archived": 1_800_000_000_500}
    assert len(box.calls) == 1


async def test_archive_many(box: Box) -> None:
    """Without a server, one does it for a moment: one for all."""
    directory, moments = box.project("app"), Moments()
    for number in range(4):
        box.add(f"ses_{number}", directory)
    refs = [SessionRef("box", f"ses_{number}", str(directory)) for number in range(4)]
    async with asyncio.TaskGroup() as group:
        for ref in refs:
            group.create_task(sessions.archive(box.site, moments, ref, lambda: NOW))
    assert all("time" in one for one in box.sessions.values())
    assert len(box.calls) == 1
    here = await box.site.here()
    assert not isinstance(here, Failed)
    assert here.servers == ()


async def test_archive_what_works(box: Box) -> None:
    """A session at work is not archived."""
    ref = await busy(box)
    failed = await sessions.archive(box.site, Moments(), ref, lambda: NOW)
    assert failed == Failed("box: the session is at work; stop it first")


async def test_archive_what_is_gone(box: Box) -> None:
    """A session that is no longer there is told; no server stays behind."""
    ref = SessionRef("box", "ses_9", str(box.project("app")))
    failed = await sessions.archive(box.site, Moments(), ref, lambda: NOW)
    assert isinstance(failed, Failed)
    assert failed.detail == "not found: ses_9"


async def test_delete(box: Box) -> None:
    """A session is in a file before it is deleted."""
    ref = stored(box)
    done = await sessions.delete(box.site, ref, box.home / "exports")
    assert isinstance(done, Done)
    assert done.value == str(box.home / "exports" / "box-ses_1.json")
    kept = json.loads((box.home / "exports" / "box-ses_1.json").read_text())
    assert kept["info"]["id"] == "ses_1"
    assert box.sessions == {}


async def test_delete_torn(box: Box) -> None:
    """An export that is not whole keeps its session."""
    ref = stored(box)
    (box.home / "torn").touch()
    failed = await sessions.delete(box.site, ref, box.home / "exports")
    assert failed == Failed("box: the export is not whole JSON")
    assert "ses_1" in box.sessions
    assert not (box.home / "exports").exists()


async def test_delete_unwritable(box: Box) -> None:
    """Where the file cannot be written, nothing is deleted."""
    ref = stored(box)
    (box.home / "exports").touch()
    failed = await sessions.delete(box.site, ref, box.home / "exports")
    assert isinstance(failed, Failed)
    assert "ses_1" in box.sessions


async def test_delete_another(box: Box) -> None:
    """What is gone, or of another directory, is not deleted."""
    stored(box)
    for ref in (SessionRef("box", "ses_1", "/other"), SessionRef("box", "ses_2", "/")):
        assert isinstance(await sessions.delete(box.site, ref, box.home / "exports"), Failed)
    assert "ses_1" in box.sessions


async def test_ids(box: Box) -> None:
    """What is no id is not even asked about."""
    for name in IDS:
        ref = SessionRef("box", name, str(box.home))
        outcomes = [
            await sessions.abort(box.site, ref),
            await sessions.archive(box.site, Moments(), ref, lambda: NOW),
            await sessions.delete(box.site, ref, box.home / "exports"),
        ]
        assert outcomes == [Failed("box: this is no id of a session")] * 3
    assert box.line.sent == []
