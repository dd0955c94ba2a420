"""Actions on a host with real OpenCode, over real SSH; its login shell is dash."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.armada import Armada
from tests.rig.crew import Crew, finished
from tests.rig.sessions import open_session, prompt
from tests.rig.ships import PASSWORD
from tests.rig.tmux import tmux
from tests.rig.wait import until

from opencoderouter.core.fleet.control import Detail, Done, Failed, Foreground
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Question,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import Polling, Ssh
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.actions.actions import Actions, Surroundings
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver

pytestmark = [pytest.mark.sshd, pytest.mark.e2e, pytest.mark.timeout(180)]
HOST, USER = "dash", "dan"
NOW = 1_800_000_000.0
ODD = "it's $(touch canary) `x`"
PROGRAM = f"/home/{USER}/.opencode/bin/opencode"


@dataclass(frozen=True, slots=True)
class Port:
    """A project of the host with a server, and where ours are."""

    crew: Crew
    url: str
    directory: str
    folder: Path

    def session(self, text: str, model: str) -> SessionRef:
        """Return a session that was prompted."""
        name = open_session(self.url)
        prompt(self.url, name, text, model=model)
        return SessionRef(HOST, name, self.directory)

    def waiting(self, kind: str, session: str) -> str:
        """Return the id of what a session waits for."""

        def found() -> str:
            rows = http.get(f"{self.url}{kind}")
            return next((str(row["id"]) for row in rows if row["sessionID"] == session), "")

        return until(found)

    def idle(self, session: str) -> None:
        """Return when a session has come to rest."""
        until(lambda: session not in http.get(f"{self.url}session/status"))


@pytest.fixture(scope="module")
def port(crew: Crew) -> Iterator[Port]:
    """Have a project with a server, whose agent asks before it runs something."""
    directory = crew.project(USER, ODD)
    settings = shlex.quote('{"permission": {"bash": "ask"}}')
    crew.armada.inside(USER, f"printf %s {settings} >{shlex.quote(ODD)}/opencode.json")
    with tempfile.TemporaryDirectory(prefix="ocr") as folder:
        yield Port(crew, crew.serve(USER, directory), directory, Path(folder))


def nothing(_: Collection[str] | None) -> None:
    """Ask nobody again."""


async def unknown(_: SessionRef) -> Detail | Failed:
    """Know nothing of sessions."""
    return Failed("unknown")


@asynccontextmanager
async def control(port: Port, *sessions: Session, alias: str = HOST) -> AsyncIterator[Actions]:
    """Have the actions of a fleet of one host."""
    armada = port.crew.armada
    ssh = Ssh(config=str(armada.config), control_path=str(port.folder / "%C"))
    report = Report(HostState.ONLINE, 1.0, program=PROGRAM, sessions=sessions)
    fleet = Fleet({alias: Entry(HostSpec(alias), report=report, good=report)})
    resolver = Resolver(str(armada.config))
    async with FleetLinks(ssh, Polling(), resolver.one) as links:
        around = Surroundings(
            links, lambda: fleet, lambda: ssh, nothing, unknown, lambda: NOW, port.folder / "kept"
        )
        async with Actions(around) as actions:
            yield actions


def done(outcome: object) -> str:
    """Return the value of what was done."""
    assert isinstance(outcome, Done), outcome
    return outcome.value


async def test_abort(port: Port) -> None:
    """A session at work is stopped; it stays stopped, as by a person."""
    ref = port.session("work", "slow")
    until(lambda: ref.id in http.get(f"{port.url}session/status"))
    async with control(port) as actions:
        done(await actions.abort(ref))
    assert ref.id not in http.get(f"{port.url}session/status")
    last = http.get(f"{port.url}session/{ref.id}/message")[-1]
    assert last["info"]["error"]["name"] == "MessageAbortedError"


async def test_permission(port: Port) -> None:
    """A tool runs when it is allowed, once; the answer to nobody is told."""
    ref = port.session("touch allowed", "bash")
    ask = Ask(Live.PERMISSION, port.waiting("permission", ref.id), ref.id, "")
    async with control(port, Session(ref.id, directory=ref.directory)) as actions:
        done(await actions.reply(HOST, ask, (("once",),)))
        port.idle(ref.id)
        assert isinstance(await actions.reply(HOST, ask, (("once",),)), Failed)
    assert "allowed" in port.crew.armada.inside(USER, f"ls {shlex.quote(ODD)}")


async def test_question(port: Port) -> None:
    """A question is answered, and the session goes on."""
    ref = port.session("Which?", "question")
    ask = Ask(
        Live.QUESTION, port.waiting("question", ref.id), ref.id, "Which?", (Question("Which?"),)
    )
    async with control(port, Session(ref.id, directory=ref.directory)) as actions:
        done(await actions.reply(HOST, ask, (("blue",),)))
    port.idle(ref.id)
    assert "blue" in json.dumps(http.get(f"{port.url}session/{ref.id}/message"))


async def test_archive_and_delete(port: Port) -> None:
    """At its server a session is archived, then kept in a file and deleted."""
    ref = SessionRef(HOST, finished(port.url, "keep me"), port.directory)
    async with control(port) as actions:
        done(await actions.archive(ref))
        assert http.get(f"{port.url}session/{ref.id}")["time"]["archived"]
        file = done(await actions.delete(ref))
        assert isinstance(await actions.archive(ref), Failed)
    (kept,) = (port.folder / "kept").iterdir()
    assert (str(kept), json.loads(kept.read_text())["info"]["id"]) == (file, ref.id)
    assert "keep me" in kept.read_text()


async def test_without_a_server(port: Port) -> None:
    """A session is made and archived where no server runs; none is left."""
    directory = port.crew.project(USER, "quiet")
    async with control(port) as actions:
        name = done(await actions.new(ProjectRef(HOST, directory)))
        done(await actions.archive(SessionRef(HOST, name, directory)))
    listed = port.crew.armada.inside(USER, "ps -ef | grep 'no-[m]dns' || true")
    assert listed == ""


async def test_new_server(port: Port) -> None:
    """A prompt is worked on to its end when we have gone; its server is restarted as it was."""
    directory = port.crew.project(USER, "lively")
    async with control(port) as actions:
        name = done(await actions.new(ProjectRef(HOST, directory), "it's $(me)", "build"))
    command = f"{PROGRAM} export {name} >export; cat export"
    until(lambda: "You said: it's $(me)" in port.crew.armada.inside(USER, command))
    async with control(port) as actions:
        before = done(await actions.start(ProjectRef(HOST, directory)))
        assert done(await actions.restart(ProjectRef(HOST, directory))) == before
    port.crew.armada.inside(USER, "pkill -u $(id -u) -f 'opencode serve.*--no-[m]dns'")


async def test_clone(port: Port) -> None:
    """A repository is cloned on the host; progress comes while it is."""
    told: list[str] = []
    script = "git init -q --bare 'a repo.git'; git init -q w; cd w; git commit -qm x --allow-empty"
    push = "git push -q '../a repo.git' HEAD:refs/heads/master HEAD:refs/heads/main"
    port.crew.armada.inside(USER, f"{script}; {push}")
    async with control(port) as actions:
        url = f"/home/{USER}/a repo.git"
        where = done(await actions.clone(HOST, url, "~/new $(x)", told.append))
    assert where == f"/home/{USER}/new $(x)"
    assert any(line.startswith("Cloning into") for line in told)
    log = port.crew.armada.inside(USER, f"git -C {shlex.quote(where)} log --format=%s")
    assert log == "x\n"


async def test_attach(port: Port) -> None:
    """The command for a terminal shows the session, at its server."""
    ref = SessionRef(HOST, finished(port.url, "find me again"), port.directory)
    async with control(port) as actions:
        found = await actions.attach(ref)
    assert isinstance(found, Foreground)
    assert " attach http://127.0.0.1:" in found.shown
    with tmux(port.folder / "tmux", port.crew.armada.environment) as window:
        for number, text in enumerate((shlex.join(found.argv), found.shown)):
            window.run(f"clear; {text}; clear; echo le''ft {number}")
            window.wait_for("You said: find me again")
            window.press("C-c")
            window.wait_for(f"left {number}")


async def test_login(port: Port) -> None:
    """What a person types lets us in; then an attached terminal goes the same way."""
    async with control(port, alias="password") as actions:
        found = await actions.login("password")
        assert isinstance(found, tuple)
        with tmux(port.folder / "tmux2", port.crew.armada.environment) as window:
            window.run(f"{shlex.join(found[0].argv)} && echo let''me''in")
            window.wait_for("password:")
            window.run(PASSWORD)
            window.wait_for("letmein")
        link = actions._around.links.link("password")  # noqa: SLF001 - as the prober has it
        assert isinstance(await link.run("true", within=10), Completed)
        assert isinstance(await actions.login("password"), Failed)
        terminal = await actions.attach(SessionRef("password", "ses_1", "/home/alice"))
        assert isinstance(terminal, Foreground)
        assert "ControlMaster=no" in terminal.argv


def test_no_canary(armada: Armada, port: Port) -> None:
    """No name of a directory was ever run."""
    assert armada.inside(USER, "find . -name canary") == ""
    assert port.directory.endswith(ODD)
