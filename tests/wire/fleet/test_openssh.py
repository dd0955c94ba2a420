"""The system's ssh: its command lines, and what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig.harbour import Harbour

from opencoderouter.core.fleet.model import HostState, Unreached
from opencoderouter.core.fleet.preferences import Ssh, Transport
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet import openssh

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
        " ExitOnForwardFailure yes\n"
    )
    for transport in (Transport.OPENSSH, Transport.FABRIC):
        async with harbour.links(text, transport=transport) as links:
            done = await links.link("devbox").run("echo right; tty", within=LONG)
            assert done == Completed(1, b"right\nnot a tty\n", b"")
    assert not mark.exists()
