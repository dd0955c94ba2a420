"""Whose a socket is: which answers count."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from opencoderouter.core.model import Listener
from opencoderouter.kernel.peers import NOBODY, Exact, Files, Owner, Peers, peers
from opencoderouter.kernel.tcp import CONNECTED, LISTEN, End, Socket, end

CLIENT, SERVER = ("127.0.0.1", 40100), ("127.0.0.1", 30100)
ENDS = end(*CLIENT), end(*SERVER)
NOWHERE = end("0.0.0.0", 0)
MINE = Owner(1000, 77)


def told(found: Socket | None) -> Peers:
    """Return who is told of one socket, whatever it asks for."""
    return Peers(lambda *_: found)


def test_client() -> None:
    """The socket between these two ends counts."""
    assert told(Socket(1, *ENDS, *MINE)).client(CLIENT, SERVER) == MINE


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="no socket"),
        pytest.param(Socket(1, *ENDS, uid=0, inode=0), id="closed or not accepted"),
        pytest.param(Socket(1, *ENDS, uid=1000, inode=0), id="closed, its user still known"),
        pytest.param(Socket(1, *ENDS, uid=NOBODY, inode=77), id="a user who is not known here"),
        pytest.param(Socket(1, ENDS[1], ENDS[0], *MINE), id="the other end"),
        pytest.param(Socket(1, ENDS[0], end("127.0.0.1", 1), *MINE), id="another destination"),
        pytest.param(Socket(1, ENDS[0], end("127.0.0.2", 30100), *MINE), id="another server"),
        pytest.param(Socket(1, end("127.0.0.2", 40100), ENDS[1], *MINE), id="another source"),
        pytest.param(Socket(LISTEN, ENDS[0], NOWHERE, *MINE), id="who listens there"),
        pytest.param(Socket(LISTEN, *ENDS, *MINE), id="who listens there, if that could be"),
    ],
)
def test_not_the_client(found: Socket | None) -> None:
    """Nothing else does."""
    assert told(found).client(CLIENT, SERVER) is None


@pytest.mark.parametrize("state", range(14))
def test_states(state: int) -> None:
    """A socket that has only begun to connect is not at the end of an accepted connection."""
    found = told(Socket(state, *ENDS, *MINE)).client(CLIENT, SERVER)
    assert found == (MINE if state in CONNECTED else None)
    assert (1 in CONNECTED, {2, 3, LISTEN} & CONNECTED) == (True, set())


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (("localhost", 1), SERVER),
        (("127.0.0.1", 1), ("::1", 2)),
        (("fe80::1%lo", 1), ("fe80::1%lo", 2)),
        (("127.0.0.1", 1 << 16), SERVER),
        (("127.0.0.1\0", 1), SERVER),
    ],
)
def test_impossible_questions(client: tuple[str, int], server: tuple[str, int]) -> None:
    """What cannot be asked is not known; the kernel is not asked."""

    def find(*_: End) -> Socket | None:
        raise AssertionError

    assert Peers(find).client(client, server) is None


def test_ipv6() -> None:
    """Addresses of IPv6 sockets come with two more numbers; IPv4 may look like IPv6."""
    ends = end("::1", 1), end("::1", 2)
    names: list[Any] = [("::1", 1, 0, 0), ("::1", 2, 0, 0)]
    assert told(Socket(1, *ends, *MINE)).client(*names) == MINE
    mapped = told(Socket(1, *ENDS, *MINE))
    assert mapped.client(("::ffff:127.0.0.1", 40100), ("::ffff:127.0.0.1", 30100)) == MINE


def test_who_cannot_tell() -> None:
    """An error is no answer."""

    def find(*_: End) -> Socket | None:
        raise PermissionError

    assert Peers(find).client(CLIENT, SERVER) is None
    assert Peers(find).listener(*SERVER) is None


@pytest.mark.parametrize(
    ("source", "owner"),
    [
        (ENDS[1], MINE),
        (end("0.0.0.0", 30100), MINE),
        (end("::", 30100), MINE),
        (end("127.0.0.2", 30100), None),
        (end("127.0.0.1", 30101), None),
        (end("0.0.0.0", 30101), None),
    ],
)
def test_listener(source: End, owner: Owner | None) -> None:
    """Who listens at the address or at all gets the connection."""
    assert told(Socket(LISTEN, source, NOWHERE, *MINE)).listener(*SERVER) == owner


def test_not_a_listener() -> None:
    """A socket that is connected gets none, nor one that nobody has."""
    assert told(Socket(1, ENDS[1], ENDS[0], *MINE)).listener(*SERVER) is None
    assert told(Socket(LISTEN, ENDS[1], NOWHERE, uid=1000, inode=0)).listener(*SERVER) is None
    assert told(None).listener(*SERVER) is None


def test_holds() -> None:
    """The same socket of the same user; one that was found without asking is never known."""
    asked = told(Socket(LISTEN, end("0.0.0.0", 30100), NOWHERE, *MINE))
    assert asked.holds(Listener("0.0.0.0", 30100, *MINE))
    assert not asked.holds(Listener("0.0.0.0", 30100, uid=1000, inode=78))
    assert not asked.holds(Listener("0.0.0.0", 30100, uid=1001, inode=77))
    assert not asked.holds(Listener("0.0.0.0", 30100))
    assert not told(None).holds(Listener("0.0.0.0", 30100))


class Script:
    """A kernel that says one thing, and counts what is done with it."""

    def __init__(self, said: bytes | OSError) -> None:
        self.said = said
        self.opened = self.closed = 0

    def connect(self) -> Script:
        """Open a socket."""
        self.opened += 1
        return self

    def send(self, data: bytes) -> int:
        """Take a question."""
        return len(data)

    def recv(self, size: int) -> bytes:
        """Answer."""
        if isinstance(self.said, OSError):
            raise self.said
        return self.said[:size]

    def close(self) -> None:
        """Close a socket."""
        self.closed += 1


@pytest.mark.parametrize("said", [b"", b"x" * 99, BlockingIOError(errno.EAGAIN, "late")])
def test_no_answer(said: bytes | OSError) -> None:
    """After an answer that is none, or late, the next question is put on a new socket."""
    script = Script(said)
    exact = Exact(script.connect)
    for number in (1, 2):
        assert Peers(exact).client(CLIENT, SERVER) is None
        assert (script.opened, script.closed) == (number, number)


ROW = "0: {} {} {} 0:0 00:0 0 {} 0 {}\n"


def test_files(tmp_path: Path) -> None:
    """Exact pairs first; then who listens at the address, then who listens at all."""
    (tmp_path / "net").mkdir()
    here, there, everywhere = "0100007F:7594", "0100007F:9CA4", "00000000:7594"
    rows = (
        ROW.format(everywhere, "00000000:0000", "0A", 1, 11)
        + ROW.format(here, "00000000:0000", "0A", 2, 12)
        + ROW.format(here, there, "01", 3, 13)
        + ROW.format(there, here, "01", 4, 14)
    )
    asked = Peers(Files(tmp_path))
    assert asked.client(CLIENT, SERVER) is None
    (tmp_path / "net/tcp").write_text(rows)
    assert asked.client(CLIENT, SERVER) == (4, 14)
    assert asked.client(SERVER, CLIENT) == (3, 13)
    assert asked.client(("127.0.0.1", 40101), SERVER) is None
    assert asked.client(SERVER, ("127.0.0.1", 40101)) is None
    assert asked.listener(*SERVER) == (2, 12)
    assert asked.listener("127.0.0.2", 30100) == (1, 11)
    assert asked.listener("::1", 30100) is None
    assert asked.listener(*CLIENT) is None


def test_files_dual_stack(tmp_path: Path) -> None:
    """Who listens at all IPv6 addresses gets connections to IPv4, too."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text("")
    row = ROW.format("0" * 32 + ":7594", "0" * 32 + ":0000", "0A", 1, 11)
    (tmp_path / "net/tcp6").write_text(row)
    assert Peers(Files(tmp_path)).listener("::1", 30100) == (1, 11)
    assert Peers(Files(tmp_path)).listener(*SERVER) == (1, 11)


def test_nobody_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without netlink, and with files that know nothing of our sockets, there is nobody to ask."""
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    assert peers(tmp_path) is None
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text("")
    assert peers(tmp_path) is None
