"""The probe of hosts with real OpenCode, over real SSH."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.armada import Armada
from tests.rig.crew import Crew, finished
from tests.rig.figures import Measure
from tests.rig.opencode import rig as make_rig
from tests.rig.projects import repository
from tests.rig.router import router
from tests.rig.sessions import open_session, prompt
from tests.rig.shell import Shell
from tests.rig.wait import until

from opencoderouter.core.fleet.answer import Told
from opencoderouter.core.fleet.control import Detail
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import (
    HostSpec,
    HostState,
    Live,
    Report,
    Router,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import Polling, Preferences, Sessions
from opencoderouter.fleet.ask import Asker
from opencoderouter.fleet.detail import detail
from opencoderouter.fleet.live import look
from opencoderouter.fleet.script import COMMAND
from opencoderouter.fleet.servers import places

pytestmark = pytest.mark.timeout(180)  # the first test sets up all that is at work
PATIENT = Polling(timeout=50)  # a busy machine must not fail a test
NO_DB = Preferences(polling=PATIENT, sessions=Sessions(enrich_from_db=False))


def link(armada: Armada, alias: str, *, forwards: bool = True) -> Shell:
    """Return a link by OpenSSH; connections are made from here, where the hosts' network is."""
    options = ["-F", str(armada.config), "-o", "BatchMode=yes"]
    command = ["ssh", *options, "--", alias, COMMAND]
    home = {"HOME": str(armada.folder)}
    return Shell({**armada.environment, **home}, command, forwards=forwards)


def report(host: Shell, preferences: Preferences | None = None) -> Report:
    """Ask a host."""
    spec = HostSpec("box", scan_paths=("~/work", "~/evil"))
    asker = Asker(time.monotonic)
    return asyncio.run(asker.ask(host, spec, preferences or Preferences(polling=PATIENT)))


@dataclass(frozen=True, slots=True)
class Work:
    """A project of alice's with a server, and one session of each kind by its name."""

    url: str
    directory: str
    ids: Mapping[str, str]


@pytest.fixture(scope="module")
def work(crew: Crew) -> Work:
    """Have sessions at work, waiting, ended, refused, archived, and outside of any project."""
    directory = crew.project("alice", "work")
    settings = '{"permission": {"bash": "ask"}}'
    crew.armada.inside("alice", f"printf '%s' '{settings}' >work/opencode.json")
    url = crew.serve("alice", directory)
    ids = {"done": finished(url, "hello"), "refused": finished(url, "x", model="error400")}
    ids["archived"] = finished(url, "old")
    archived = {"time": {"archived": 1_700_000_000_000}}
    assert http.request("PATCH", f"{url}session/{ids['archived']}", archived).status == 200
    home = f"{url}session?directory=/home/alice"
    ids["outside"] = str(http.post(home, {})["id"])
    models = {"busy": "slow", "permission": "bash", "task": "task", "question": "question"}
    for name, model in models.items():
        ids[name] = open_session(url)
        prompt(url, ids[name], f"rm -rf {name}", model=model)
    prompt(url, ids["outside"], "Here?", model="question")
    until(lambda: len(http.get(f"{url}permission")) == 2 and http.get(f"{url}question"))
    until(lambda: http.get(f"{url}question?directory=/home/alice"))
    return Work(url, directory, ids)


def by_name(work: Work, found: Report) -> dict[str, Session]:
    """Return the sessions by their names."""
    names = {session: name for name, session in work.ids.items()}
    return {names[one.id]: one for one in found.sessions if one.id in names}


WAITING = {
    "permission": (Live.PERMISSION, "bash: rm -rf permission"),
    "task": (Live.PERMISSION, "bash: rm -rf task"),
    "question": (Live.QUESTION, "rm -rf question"),
    "outside": (Live.QUESTION, "Here?"),
}


@pytest.mark.parametrize("forwards", [True, False])
def test_sessions(armada: Armada, work: Work, measure: Measure, *, forwards: bool) -> None:
    """All sessions are told, with what each does and waits for: by the host's curl just as well."""
    found = report(link(armada, "plain", forwards=forwards))
    measure(f"probe of a host, forwarding {forwards}", [found.took])
    assert (found.state, found.failures, found.version) == (HostState.ONLINE, (), "1.18.33")
    (server,) = [one for one in found.servers if one.directory == work.directory]
    assert (server.version, server.locked) == ("1.18.33", False)
    told = by_name(work, found)
    assert told.keys() == work.ids.keys()
    for name, (live, text) in WAITING.items():
        assert told[name].live is live, name
        assert [one.text for one in told[name].asks] == [text]
        assert told[name].asks[0].endpoint is not None
    assert told["done"].live is told["refused"].live is told["archived"].live is Live.IDLE
    assert [name for name, one in told.items() if one.error] == ["refused"]
    assert [name for name, one in told.items() if one.archived] == ["archived"]
    done = told["done"]
    assert (done.title, done.agent, done.model) == ("A title", "build", "echo")
    assert (done.messages, done.directory, done.project) == (2, work.directory, work.directory)
    assert done.cost is not None
    assert done.tokens_in is not None
    assert (told["outside"].directory, told["outside"].project) == ("/home/alice", "")


def test_project_by_project(armada: Armada, work: Work) -> None:
    """Without the database each project is asked for its sessions; what they do is told too."""
    found = report(link(armada, "plain"), NO_DB)
    told = by_name(work, found)
    assert told.keys() == work.ids.keys()
    assert told["task"].live is Live.PERMISSION
    assert found.failures == ()


def test_busy(armada: Armada, work: Work) -> None:
    """A session is at work at one of two servers of its directory, and nowhere else."""
    crew = Crew(armada, "")
    second = crew.serve("alice", work.directory)
    session = open_session(second)
    prompt(second, session, "go", model="slow")
    until(lambda: session in http.get(f"{second}session/status"))
    found = report(link(armada, "plain"))
    crew.end(second)
    assert [one.live for one in found.sessions if one.id == session] == [Live.BUSY]
    assert by_name(work, found)["done"].live is Live.IDLE
    assert sum(one.directory == work.directory for one in found.servers) == 2


@pytest.mark.parametrize("directory", ["", "/elsewhere"])
def test_detail(armada: Armada, work: Work, directory: str) -> None:
    """A session is read from its server, or where none is from the database: the same."""

    def read(name: str) -> Detail:
        session = SessionRef("plain", work.ids[name], directory or work.directory)
        found = asyncio.run(detail(link(armada, "plain"), session))
        assert isinstance(found, Detail)
        return found

    messages = [(one.role, one.text) for one in read("done").messages]
    assert messages == [("user", "hello"), ("assistant", "You said: hello")]
    refused = read("refused")
    assert refused.error.startswith("APIError: the model refuses\n")
    assert '"statusCode": 400' in refused.error
    assert [one.error for one in refused.messages] == ["", "APIError"]


MORE = """
with recursive number(n) as (select 1 union all select n + 1 from number where n < 199)
insert into session (id, slug, project_id, directory, title, version, time_created, time_updated)
select 'ses_' || printf('%026d', n), slug || n, project_id, directory, title, version,
       time_created, time_updated from session, number
"""


def test_many(crew: Crew, measure: Measure) -> None:
    """Two hundred sessions come in one answer; OpenCode is asked again when there is one more."""
    url = crew.serve("carol", crew.project("carol", "many"))
    open_session(url)
    crew.end(url)
    host, asker = link(crew.armada, "many"), Asker(time.monotonic)

    def ask() -> Report:
        return asyncio.run(asker.ask(host, HostSpec("many"), Preferences(polling=PATIENT)))

    assert len(ask().sessions) == 1
    crew.armada.inside("carol", f"~/.opencode/bin/opencode db {shlex.quote(MORE)}")
    series = [ask(), ask(), ask()]  # a database that nobody has open is made ready by the first
    measure("probe of a host with 200 sessions", [found.took for found in series])
    assert [len(found.sessions) for found in series] == [200] * 3
    assert {one.live for one in series[-1].sessions} == {None}
    assert [found.failures for found in series] == [()] * 3


def files(armada: Armada, user: str) -> str:
    """Return everything below a home with its time."""
    return armada.inside(user, "find . ! -name '.' | xargs ls -ld --time-style=full-iso")


def test_never_used(crew: Crew) -> None:
    """A host where OpenCode never ran is told as it is, and stays so."""
    before = files(crew.armada, "gina")
    found = report(link(crew.armada, "fresh"))
    assert files(crew.armada, "gina") == before
    assert found.state is HostState.ONLINE
    assert (found.program, found.version) == ("/home/gina/.opencode/bin/opencode", "1.18.33")
    assert (found.sessions, found.servers, found.failures) == ((), (), ())


PLUGIN = """
import fs from "fs"
fs.writeFileSync("{mark}", "")
export const Plugin = async () => ({{}})
"""


def test_runs_nothing_of_a_repository(model: str, tmp_path: Path) -> None:
    """Looking at projects one by one loads no plugin, of a repository or else, and adds no file."""
    mark, project = tmp_path / "ran", repository(tmp_path / "home/evil")
    with make_rig(tmp_path / "home", model) as rig:
        for folder in (project / ".opencode/plugin", rig.home / ".config/opencode/plugin"):
            folder.mkdir(parents=True)
            (folder / "evil.js").write_text(PLUGIN.format(mark=mark))
        (rig.home / ".local/share/opencode/storage/session").mkdir(parents=True)
        before = sorted((project / ".opencode").rglob("*"))
        found = report(Shell(rig.environment()), NO_DB)
    assert (found.version, found.failures) == ("1.18.33", ())
    assert sorted((project / ".opencode").rglob("*")) == before
    assert not mark.exists()


PLACES = [
    ".opencode/bin",
    ".local/bin",
    ".bun/bin",
    ".npm-global/bin",
    ".nvm/versions/node/v22.1.0/bin",
]


def test_found(armada: Armada) -> None:
    """OpenCode is found where its installers put it; without it the host has none."""
    host = link(armada, "none")
    none = report(host)
    assert (none.state, none.program, none.failures) == (HostState.NO_OPENCODE, "", ())
    for place in PLACES:
        program = f"/home/dave/{place}/opencode"
        make = f"mkdir -p {place}; printf '#!/bin/sh\n' >{program}; chmod +x {program}"
        armada.inside("dave", make)
        found = report(host)
        armada.inside("dave", f"rm {program}")
        assert (found.state, found.program) == (HostState.ONLINE, program)


def test_noisy(crew: Crew) -> None:
    """A greeting on stdout, with escapes and half an object, is not taken for anything."""
    found = report(link(crew.armada, "noisy"))
    assert found.state is HostState.ONLINE
    assert found.system.startswith("Linux ")
    assert found.failures == ()


def test_broken(armada: Armada) -> None:
    """A broken OpenCode is a failure of its part, not of the host."""
    found = report(link(armada, "broken"))
    assert found.state is HostState.ONLINE
    assert found.load is not None
    assert [failure.part for failure in found.failures] == ["opencode"]


def test_no_shell(armada: Armada) -> None:
    """An account that runs no script for us is an error, in the words of the host."""
    found = report(link(armada, "nologin"))
    assert found.state is HostState.ERROR
    assert "This account is currently not available" in found.reason


Routed = tuple[Path, int, Shell]


@pytest.fixture(scope="module")
def routed(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    """Run a router here, with a server of its own that wants a password."""
    with make_rig(tmp_path_factory.mktemp("home"), model) as rig:
        project = repository(tmp_path_factory.mktemp("routed") / "alpha")
        log = project.parent / "log"
        with router([project], environment=rig.environment(), log=log) as running:
            yield project, running.port, Shell({**os.environ, "HOME": str(rig.home)})


def listening(here: Shell) -> tuple[Place, ...]:
    """Return who listens here."""
    found = asyncio.run(places(here, within=20))
    assert isinstance(found, tuple)
    return found


def router_on(here: Shell, port: int) -> Place:
    """Return this router: the account may have others, and it has more than one address."""
    return next(one for one in listening(here) if one.is_router and one.server.port == port)


def test_router(routed: Routed) -> None:
    """A router's servers are asked through it, which knows their passwords."""
    project, port, here = routed
    (managed,) = [one for one in listening(here) if one.server.directory == str(project)]
    told = Told(
        places=(router_on(here, port), replace(managed, authorization=None)),
        sessions=(Session("ses_x", directory=str(project)),),
    )
    found = asyncio.run(look(here, told, now=0.0, within=20))
    assert found.router is not None
    assert found.router.port == port
    assert ([one.live for one in found.sessions], found.failures) == ([Live.IDLE], ())
    alone = asyncio.run(look(here, replace(told, places=told.places[1:]), now=0.0, within=20))
    assert [one.locked for one in alone.servers] == [True]


def test_closed_router(routed: Routed, tmp_path: Path) -> None:
    """Where a router answers 401, its servers are asked themselves, with their passwords."""
    project, _, here = routed
    environment, log = dict(here.environment), tmp_path / "log"
    with router([], environment=environment, log=log, flags={"--auth": "always"}) as closed:
        assert http.request("GET", f"{closed.url}/api/backends").status == 401
        us = router_on(here, closed.port)
        (managed,) = [one for one in listening(here) if one.server.directory == str(project)]
        assert managed.server.managed
        told = Told(places=(us, managed), sessions=(Session("ses_x", directory=str(project)),))
        found = asyncio.run(look(here, told, now=0.0, within=20))
    assert found.router == Router(closed.port, "", us.server.pid)  # it says no more to strangers
    assert [one.locked for one in found.servers] == [False]
    assert ([one.live for one in found.sessions], found.failures) == ([Live.IDLE], ())
