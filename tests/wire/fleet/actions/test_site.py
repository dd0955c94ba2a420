"""Tests of what actions have of a host."""

from __future__ import annotations

import asyncio
import os
import shutil

import pytest
from tests.fakes_link import UNREACHED, FakeLink, ok
from tests.rig.corpus import NAMES, canaries
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet import commands, scripts
from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import HostSpec, HostState, Report, Server, Session, SessionRef
from opencoderouter.fleet.actions.site import Site, Sites
from opencoderouter.fleet.servers import places

PLACE = Place(Server(4096, pid=1, directory="/srv/app"))
REF = SessionRef("box", "ses_1", "/srv/app")


def site(*answers: tuple[str, bytes]) -> Site:
    """Return a host that answers requests to one server."""
    return Site(HostSpec("box"), FakeLink(dict(answers)), "opencode")


@pytest.mark.parametrize("shell", ["/bin/dash", "/bin/bash"])
async def test_every_name_of_a_directory(box: Box, shell: str) -> None:
    """A script is in the very directory that was meant, and runs nothing of its name."""
    box.line.shell = shell
    for name in NAMES:
        directory = str(box.project(name))
        told = await box.site.tell(scripts.where(directory))
        assert not isinstance(told, Failed)
        assert scripts.real_path(told.words["directory"]) == directory
    assert canaries(box.home) == []


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "busybox", "fish", "tcsh"])
async def test_every_name_at_a_terminal(box: Box, shell: str) -> None:
    """The one line that a terminal gets is right for any login shell."""
    if not (program := shutil.which(shell)):
        pytest.skip(f"needs {shell}")
    said = box.home / "said"
    teller = box.home / "bin" / "teller"
    teller.write_text('#!/bin/sh\nprintf "%s\\0" "$PWD" "$@" >"$HOME/said"\n')
    teller.chmod(0o755)
    argv = [program, "sh"] if shell == "busybox" else [program]
    for name in NAMES if shell == "dash" else NAMES[::2]:
        directory = str(box.project(name))
        script = commands.opening(str(teller), directory, "ses_1")
        *_, line = commands.at_terminal(("ssh",), "box", script)
        process = await asyncio.create_subprocess_exec(
            *argv, "-c", line, env=box.line.environment, cwd=box.home
        )
        assert await process.wait() == 0, name
        assert said.read_bytes().decode().split("\0") == [directory, "-s", "ses_1", ""]
    assert canaries(box.home) == []


async def test_home(box: Box) -> None:
    """`~` is the home of the user there."""
    told = await box.site.tell(scripts.where("~"))
    assert not isinstance(told, Failed)
    assert scripts.real_path(told.words["directory"]) == str(box.home)


async def test_login_files(box: Box) -> None:
    """What a login prints is not taken for an answer."""
    noisy = box.home / "noisy"
    noisy.write_text('#!/bin/sh\necho "Welcome"; echo "failed directory"; exec /bin/sh "$@"\n')
    noisy.chmod(0o755)
    box.line.shell = str(noisy)
    told = await box.site.tell(scripts.where("~"))
    assert not isinstance(told, Failed)
    assert not told.failed


async def test_unreached() -> None:
    """A host that is not there says so, with what mends it."""
    failed = await Site(HostSpec("box"), FakeLink(runs=lambda *_: UNREACHED), "o").run(b"")
    assert failed == Failed("box: no route", "", ("ping it",))


async def test_here(box: Box) -> None:
    """Nobody listens where nothing was started."""
    here = await box.site.here()
    assert not isinstance(here, Failed)
    assert here.servers == here.routers == ()
    assert await places(box.line, within=5) == ()


async def test_text_of_others() -> None:
    """What a server says cannot move a cursor."""
    data = {"name": "X", "data": {"message": "a\x1b[2J\nb"}}
    asked = site(("4096 GET /x", ok(data, 400)))
    failed = await asked.ask(PLACE, "GET", "/x")
    assert failed == Failed("box: the server on port 4096 answers 400", "a\\x1b[2J\nb")


async def test_locked() -> None:
    """A server that wants a password which is not known is a failure of its own."""
    failed = await site(("4096 GET /x", ok(None, 401))).ask(PLACE, "GET", "/x")
    assert isinstance(failed, Failed)
    assert "wants a password" in failed.summary


async def test_confirm() -> None:
    """A session of another directory is not the one that was meant."""
    path = "4096 GET /session/ses_1"
    right = site((path, ok({"id": "ses_1", "directory": "/srv/app"})))
    wrong = site((path, ok({"id": "ses_1", "directory": "/srv/other"})))
    assert await right.confirm(PLACE, REF) is None
    assert isinstance(await wrong.confirm(PLACE, REF), Failed)
    assert isinstance(await site((path, ok({}, 404))).confirm(PLACE, REF), Failed)


async def test_busy() -> None:
    """Sessions at work are told; for another directory its name goes along, encoded twice."""
    states = {"ses_1": {"type": "busy"}, "ses_2": {"type": "retry"}, "ses_3": {"type": "idle"}}
    own = site(("4096 GET /session/status", ok(states)))
    assert await own.busy(PLACE, "/srv/app") == frozenset({"ses_1", "ses_2"})
    target = "4096 GET /session/status?directory=%252Fa%252541"
    assert await site((target, ok({}))).busy(PLACE, "/a%41") == frozenset()


async def test_open_one() -> None:
    """The first server that lets us in is taken."""
    other = Place(Server(4097, directory="/srv/app"))
    asked = site(
        ("4096 GET /global/health", ok(None, 401)),
        ("4097 GET /global/health", ok({"healthy": True})),
    )
    assert await asked.open_one([PLACE, other]) == other
    assert isinstance(await asked.open_one([PLACE]), Failed)
    assert await asked.open_one([]) is None


def test_sites(box: Box) -> None:
    """A host is known by its alias; its program is where the probe found it."""
    session = Session("ses_1", directory="/srv/app")
    report = Report(HostState.ONLINE, 1.0, program="/opt/opencode", sessions=(session,))
    entry = Entry(HostSpec("box"), report=report, good=report)
    links = type("One", (), {"link": lambda _, __: box.line})()
    sites = Sites(lambda: Fleet({"box": entry}), links)
    found = sites.site("box")
    assert isinstance(found, Site)
    assert found.program == "/opt/opencode"
    assert isinstance(sites.site("other"), Failed)
    assert sites.directory("box", "ses_1") == "/srv/app"
    assert sites.directory("box", "ses_2") == ""
    assert os.environ["HOME"] != str(box.home)
