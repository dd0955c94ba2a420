"""The system's ssh: its command lines, and what it keeps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.rig.harbour import Harbour

from opencoderouter.core.fleet.model import HostState, Unreached
from opencoderouter.core.fleet.preferences import Ssh, Transport
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.fleet import openssh, process

pytestmark = pytest.mark.sshd
LONG = 60.0


@pytest.mark.parametrize(
    ("path", "mode", "alias", "expected"),
    [
        ("/run/x-%n", "auto", "web", "/run/x-%n"),
        ("/run/x-%n", "no", "web", ""),
        ("none", "auto", "web", ""),
        ("/run/%C", "auto", "web" * 99, "/run/%C"),
        ("/run/%n", "auto", "w" * 81, "/run/%n"),
        ("/run/%n", "auto", "w" * 82, ""),
    ],
)
def test_paths_of_sockets(path: str, mode: str, alias: str, expected: str) -> None:
    """A path that the kernel would not take is none: ssh would fail where it need not."""
    assert openssh.control_path(Ssh(control_path=path, control_master=mode), alias) == expected


def test_what_a_person_runs() -> None:
    """A login that others can use, to a host that cannot be taken for an option."""
    argv = openssh.login(Ssh(config="/c", control_persist=0.5), "-oX", "/p")
    assert argv[-4:] == ["-N", "-f", "--", "-oX"]
    assert argv[:3] == ["ssh", "-F", "/c"]
    assert {"ControlMaster=yes", "ControlPath=/p", "ControlPersist=1"} <= set(argv)


async def test_connections_are_kept(harbour: Harbour) -> None:
    """Commands go over one connection, in a folder that only we can read."""
    path = harbour.short / "new/%C"
    async with harbour.links(transport=Transport.OPENSSH, control_path=str(path)) as links:
        link = links.link("devbox")
        first = await link.run("echo $SSH_CONNECTION", within=LONG)
        assert first == await link.run("echo $SSH_CONNECTION", within=LONG)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert len(list(path.parent.iterdir())) == 1
    path.parent.rmdir()


async def test_nothing_is_kept(harbour: Harbour) -> None:
    """Without a master each command has its own connection, and errors are told from commands'."""
    text = "Host closed\n Port 1\n"
    async with harbour.links(text, transport=Transport.OPENSSH, control_master="no") as links:
        link = links.link("devbox")
        done = await link.run("cat; exit 255", stdin=b"in", within=LONG)
        assert done == Completed(255, b"in", b"")
        assert not list(harbour.short.iterdir())
        refused = await links.link("closed").run("true", within=LONG)
        assert refused == Unreached(HostState.UNREACHABLE, "connection refused")


async def test_options_that_would_get_in_the_way(harbour: Harbour, tmp_path: Path) -> None:
    """Commands, forwardings and terminals of the configuration are for people, not for us."""
    mark = tmp_path / "mark"
    text = (
        "Host devbox\n RemoteCommand echo wrong\n RequestTTY force\n PermitLocalCommand yes\n"
        f" LocalCommand touch {mark}\n LocalForward {harbour.sshd.port} 127.0.0.1:1\n"
        " ExitOnForwardFailure yes\n SessionType none\n StdinNull yes\n Tunnel yes\n"
        " ForkAfterAuthentication yes\n LogLevel QUIET\n"
    )
    for transport, master in (("openssh", "auto"), ("openssh", "no"), ("fabric", "auto")):
        settings = {"transport": Transport(transport), "control_master": master}
        async with harbour.links(text, **settings) as links:
            link = links.link("devbox")
            done = await link.run(
                "cat; readlink /proc/$$/fd/1 | cut -c 1-4", stdin=b"x", within=LONG
            )
            assert done in {Completed(0, b"x" + kind, b"") for kind in (b"pipe\n", b"sock\n")}
            stream = await link.connect(harbour.sshd.port, within=LONG)
            assert not isinstance(stream, NotForwarded | Unreached)
            assert (await stream.receive(8)).startswith(b"SSH-2.0")
            await stream.close()
    assert not mark.exists()


async def test_an_ssh_that_knows_less(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that an older ssh does not have are not given to it."""
    newer = "sessiontype|stdinnull|forkafterauthentication"
    ssh = shutil.which("ssh")
    folder = harbour.config().with_name("old")
    folder.mkdir()
    old = folder / "ssh"
    old.write_text(
        f'#!/bin/sh\nif [ "$1" = -G ]; then {ssh} "$@" | grep -Ev "^({newer}) "; exit; fi\n'
        f'if echo "$*" | grep -Eqi "({newer})="; then echo Bad >&2; exit 255; fi\nexec {ssh} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    async with harbour.links(transport=Transport.OPENSSH) as links:
        done = await links.link("devbox").run("echo right", within=LONG)
        assert done == Completed(0, b"right\n", b"")


@pytest.mark.parametrize("master", ["auto", "no"])
async def test_banners_without_end(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, master: str
) -> None:
    """Of what a host says before ssh gives up the end is read, however much it is."""
    monkeypatch.setenv("PATH", str(banner(harbour)), prepend=os.pathsep)
    async with harbour.links(transport=Transport.OPENSSH, control_master=master) as links:
        done = await links.link("devbox").run("true", within=LONG)
        assert done == Unreached(HostState.UNREACHABLE, "connection refused")


def banner(harbour: Harbour) -> Path:
    """Return a folder with an ssh that meets such a host."""
    folder = harbour.config().with_name("talker")
    folder.mkdir(exist_ok=True)
    ssh = folder / "ssh"
    ssh.write_text(
        f'#!/bin/sh\ncase " $* " in *" -G "*) exec {shutil.which("ssh")} "$@";; esac\n'
        'while [ "$1" ] && [ "$1" != -E ]; do shift; done\nexec 2>"${2:-/dev/stderr}"\n'
        "echo 'me@there: Permission denied (password).' >&2\nyes | head -c 99999 >&2\n"
        "echo 'connect to host there port 22: Connection refused' >&2\nexit 255\n"
    )
    ssh.chmod(0o755)
    return folder


@pytest.mark.parametrize("transport", ["auto", "openssh"])
async def test_a_login_of_their_own(harbour: Harbour, transport: str) -> None:
    """Whoever is logged in by an ssh of their own, which shares it, needs no second login."""
    text = (
        f"Host devbox\n PubkeyAuthentication no\n ControlPath {harbour.short}/own-%C\n"
        " ControlMaster auto\n ControlPersist yes\n"
    )
    async with harbour.links(text, transport=Transport(transport)) as links:
        link = links.link("devbox")
        refused = await link.run("true", within=LONG)
        assert isinstance(refused, Unreached)
        assert refused.state is HostState.AUTH_REQUIRED
        own = [*openssh.command(links.ssh), "-o", "PubkeyAuthentication=yes"]
        with (harbour.short / "said").open("wb") as said:
            assert not await process.launch([*own, "devbox", "true"], os.environ, said)
        assert await link.run("echo in", within=LONG) == Completed(0, b"in\n", b"")
        stream = await link.connect(harbour.sshd.port, within=LONG)
        assert not isinstance(stream, NotForwarded | Unreached)
        assert (await stream.receive(8)).startswith(b"SSH-2.0")
        await stream.close()
        await process.run([*own, "-O", "exit", "devbox"])
        assert await link.run("true", within=LONG) == refused
    (harbour.short / "said").unlink()
