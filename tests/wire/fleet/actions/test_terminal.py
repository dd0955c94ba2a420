"""Tests of what a person's terminal runs."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes_link import FakeLink
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Failed, Foreground
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import HostSpec, HostState, Resolved, SessionRef, Unreached
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.fleet.actions import serving, terminal
from opencoderouter.fleet.actions.site import Site

AGENT = {"SSH_AUTH_SOCK": "/run/agent"}
ASKED = "ssh -o StrictHostKeyChecking=ask -- box true"


@pytest.fixture
def short() -> Iterator[Path]:
    """Return a folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ocr") as folder:
        yield Path(folder)


def local(box: Box) -> Site:
    """Return the host as the machine itself."""
    return dataclasses.replace(box.site, host=HostSpec("box", local=True))


def host(state: HostState, how: str = "", *mend: str, reason: str = "why") -> FakeLink:
    """Return a host that does not let us in."""
    return FakeLink(runs=lambda *_: Unreached(state, reason, how=how, mend=mend))


async def run(box: Box, found: Foreground | Failed) -> dict[str, object]:
    """Run what a terminal would; return how OpenCode was called."""
    assert isinstance(found, Foreground), found
    environment = {**box.line.environment, **found.environment}
    process = await asyncio.create_subprocess_exec(*found.argv, env=environment)
    assert await process.wait() == 0
    return box.calls[-1]


async def test_attach(box: Box) -> None:
    """Without a server a session is opened in its directory; no ssh on the machine itself."""
    directory = str(box.project("it's $(touch canary)"))
    found = await terminal.attach(local(box), Ssh(), SessionRef("box", "ses_1", directory))
    call = await run(box, found)
    assert (call["argv"], call["cwd"]) == (["-s", "ses_1"], directory)


async def test_attach_at_a_server(box: Box) -> None:
    """With a server it is opened there; the password comes from the server, by environment."""
    directory = str(box.project("app"))
    place = await serving.start(box.site, directory)
    assert isinstance(place, Place)
    found = await terminal.attach(local(box), Ssh(), SessionRef("box", "ses_1", directory))
    assert isinstance(found, Foreground)
    call = await run(box, found)
    url = f"http://127.0.0.1:{place.server.port}"
    assert (call["argv"], call["cwd"]) == (["attach", url, "-s", "ses_1"], directory)
    secret = base64.b64encode(f"opencode:{call['password']}".encode()).decode()
    assert place.authorization == f"Basic {secret}"
    assert call["password"]
    assert str(call["password"]) not in f"{found.argv}{found.shown}{found.environment}"


async def test_attach_over_ssh(box: Box, tmp_path: Path) -> None:
    """Another host is reached by the user's own ssh, as the preferences say."""
    config = tmp_path / "my config"
    config.write_text("")
    ssh = Ssh(config=str(config), batch_mode=False, connect_timeout=2.2, control_master="no")
    found = await terminal.attach(box.site, ssh, SessionRef("box", "ses_1", "/srv/app"))
    script = f"cd -- /srv/app && exec {box.site.program} -s ses_1"
    options = ("-o", "BatchMode=no", "-o", "ConnectTimeout=3")
    assert found == Foreground(
        ("ssh", "-F", str(config), "-t", *options, "--", "box", f"exec sh -c '{script}'"),
        f"ssh -F {shlex.quote(str(config))} -t box '{script}'",
    )


@pytest.mark.parametrize("ref", [("ses_1; x", "/srv"), ("ses_1", "srv"), ("ses_1", "")])
async def test_attach_to_nothing(box: Box, ref: tuple[str, str]) -> None:
    """What is no session, or in no directory, is not attached to."""
    assert isinstance(await terminal.attach(box.site, Ssh(), SessionRef("box", *ref)), Failed)


@pytest.mark.parametrize("state", [HostState.AUTH_REQUIRED, HostState.BLOCKED])
@pytest.mark.parametrize("how", ["password", "keyboard-interactive", "key passphrase"])
async def test_login(short: Path, state: HostState, how: str) -> None:
    """A connection through the whole chain, made by a person, stays open for us."""
    ssh = Ssh(control_path=str(short / "new" / "%C"), control_persist=30)
    found = await terminal.login(host(state, how), Entry(HostSpec("box")), ssh, {})
    assert not isinstance(found, Failed)
    (one,) = found
    assert one.argv[0] == "ssh"
    assert one.argv[-4:] == ("-N", "-f", "--", "box")
    assert {"ControlMaster=yes", f"ControlPath={ssh.control_path}", "ControlPersist=30"} <= {
        *one.argv
    }
    assert one.shown == shlex.join(one.argv)
    assert (short / "new").is_dir()


async def test_login_with_an_agent(tmp_path: Path) -> None:
    """A key with a passphrase is given to the agent, if there is one."""
    options = {"identityfile": (f"{tmp_path}/other", f"{tmp_path}/lock ed")}
    entry = Entry(HostSpec("box"), Resolved("box", "h", "u", 22, options=options))
    reason = f"permission denied: the host takes publickey; {tmp_path}/lock ed has a passphrase"
    link = host(HostState.AUTH_REQUIRED, "key passphrase", reason=reason)
    found = await terminal.login(link, entry, Ssh(), AGENT)
    argv = ("ssh-add", "--", f"{tmp_path}/lock ed")
    assert found == (Foreground(argv, shlex.join(argv)),)


async def test_unknown_key() -> None:
    """OpenSSH itself shows a new key, and asks."""
    link = host(HostState.HOST_KEY_UNKNOWN, "", ASKED)
    found = await terminal.login(link, Entry(HostSpec("box")), Ssh(), {})
    assert found == (Foreground(tuple(shlex.split(ASKED)), ASKED),)


@pytest.mark.parametrize(
    "link",
    [
        host(HostState.HOST_KEY_CHANGED, "", "ssh-keygen -R box -f /x", ASKED),
        host(HostState.BLOCKED, "", "ssh-keygen -R jump -f /x", ASKED),
        host(HostState.AUTH_REQUIRED, "key", "ssh -N -f -- box"),
        host(HostState.UNREACHABLE),
    ],
)
async def test_only_shown(link: FakeLink) -> None:
    """A changed key is never accepted from here; what nobody can mend by typing is told."""
    found = await terminal.login(link, Entry(HostSpec("box")), Ssh(), AGENT)
    assert isinstance(found, Failed)
    assert found.summary == "box: why"


async def test_lets_us_in() -> None:
    """A host that lets us in wants nothing."""
    found = await terminal.login(FakeLink(), Entry(HostSpec("box")), Ssh(), {})
    assert found == Failed("box: it lets us in already")
