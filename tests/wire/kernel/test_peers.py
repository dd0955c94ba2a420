"""Whose sockets are, as the kernel says: ours, another user's, another namespace's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.rig.netns import needs_network, network
from tests.rig.stranger import UID, heard, needs_stranger, stranger, tell
from tests.rig.wait import until

from opencoderouter.core.model import Listener
from opencoderouter.kernel.peers import Exact, Files, Owner, Peers, peers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel of Linux")
Address = tuple[str, int]
WAYS: dict[str, Callable[[], Peers | None]] = {
    "netlink": lambda: Peers(Exact()),
    "files": lambda: Peers(Files(Path("/proc"))),
    "best": peers,
}

# Connects, says something, and holds on until it is told to close.
CALL = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.sendall(b"x")
print(client.getsockname()[1], flush=True)
sys.stdin.readline()
client.close()
print("closed", flush=True)
sys.stdin.read()
"""
# Listens, if it may.
SQUAT = """
import socket, sys
try:
    server = socket.create_server((sys.argv[1], int(sys.argv[2])))
except OSError:
    print("refused", flush=True)
else:
    print("listening", flush=True)
    sys.stdin.read()
"""
# Connects to itself, and says both addresses.
ALONE = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
print(*client.getsockname(), *server.getsockname(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=sorted(WAYS))
def asked(request: pytest.FixtureRequest) -> Peers:
    """Return each way to ask."""
    found = WAYS[request.param]()
    assert found is not None
    return found


def fact(opened: socket.socket) -> Owner:
    """Return whose a socket of this process is."""
    return Owner(os.getuid(), os.fstat(opened.fileno()).st_ino)


def names(accepted: socket.socket) -> tuple[Address, Address]:
    """Return the addresses of client and server, as a server has them."""
    return accepted.getpeername(), accepted.getsockname()


@contextmanager
def listening(address: str, family: int = 0) -> Iterator[socket.socket]:
    """Listen on a free port; at ``::`` to IPv4, too."""
    family = family or (socket.AF_INET6 if ":" in address else socket.AF_INET)
    with socket.socket(family) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((address, 0))
        server.listen()
        yield server


@pytest.mark.parametrize(
    ("bound", "called"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.3.2.1"),
        ("::1", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
        ("::", "::ffff:127.0.0.1"),
    ],
)
def test_own_client(asked: Peers, bound: str, called: str) -> None:
    """Our own client is known by its uid and inode, until it is closed."""
    bound = called if bound == "127.0.0.1" else bound
    family = socket.AF_INET6 if ":" in called else socket.AF_INET
    with listening(bound) as server, socket.socket(family) as client:
        client.connect((called, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            assert asked.client(*names(accepted)) == fact(client)
            assert asked.client(*reversed(names(accepted))) == fact(accepted)
            client.shutdown(socket.SHUT_WR)
            assert asked.client(*names(accepted)) == fact(client)
            ends = names(accepted)
            client.close()
            assert asked.client(*ends) is None


def test_not_accepted(asked: Peers) -> None:
    """A connection that nobody has accepted belongs to nobody, whoever listens."""
    with listening("127.0.0.1") as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getpeername(), client.getsockname()
        assert asked.client(*ends) is None
        accepted, _ = server.accept()
        with accepted:
            assert asked.client(*ends) == fact(accepted)


def test_not_connected_yet(asked: Peers) -> None:
    """Who has only begun to connect is at the end of no connection."""
    with socket.socket() as server, ExitStack() as clients:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        while True:
            client = clients.enter_context(socket.socket())
            client.setblocking(False)  # noqa: FBT003 - the standard library's
            client.connect_ex(server.getsockname())
            if client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\2":  # SYN_SENT
                break
        assert asked.client(client.getsockname(), server.getsockname()) is None


def test_who_listens_is_no_client(asked: Peers) -> None:
    """Where no such connection is, nobody is taken for its client."""
    with listening("127.0.0.1") as one, listening("127.0.0.1") as other:
        assert asked.client(one.getsockname(), other.getsockname()) is None


@needs_stranger
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_strangers_client(asked: Peers, address: str) -> None:
    """Another user's client is that user's; once it has sent and closed it is nobody's."""
    with (
        listening(address) as server,
        stranger(UID, CALL, address, server.getsockname()[1]) as other,
        server.accept()[0] as accepted,
    ):
        heard(other)
        found = asked.client(*names(accepted))
        assert found is not None
        assert (found.uid, found.inode > 0) == (UID, True)
        tell(other)
        assert heard(other) == "closed"
        assert accepted.recv(9) == b"x"
        assert asked.client(*names(accepted)) is None


@needs_network
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_another_namespaces_client(asked: Peers, family: int) -> None:
    """A client on another machine, or in another namespace, is nobody who is known here."""
    with network() as net:
        here = net.here if family == socket.AF_INET else net.here6
        with listening(here) as server:
            command = net.command(sys.executable, "-c", CALL, here, server.getsockname()[1])
            with running(command):
                accepted, _ = server.accept()
                with accepted:
                    assert asked.client(*names(accepted)) is None


@needs_network
def test_another_namespaces_loopback(asked: Peers) -> None:
    """The same addresses mean something else in another namespace."""
    with network() as net, running(net.command(sys.executable, "-c", ALONE)) as words:
        client, server = (words[0], int(words[1])), (words[2], int(words[3]))
        assert asked.client(client, server) is None
        assert asked.listener(*server) is None


@contextmanager
def running(command: list[str]) -> Iterator[list[str]]:
    """Run a program that says one line and ends with its input; return the line's words."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()


@pytest.mark.parametrize(
    ("bound", "called"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::1", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
    ],
)
def test_own_listener(asked: Peers, bound: str, called: str) -> None:
    """Who listens at an address or everywhere gets the connection, until it is closed."""
    with listening(bound) as server:
        port = server.getsockname()[1]
        assert asked.listener(called, port) == fact(server)
    assert asked.listener(called, port) is None


def test_nobody_else_gets_it(asked: Peers) -> None:
    """Who listens at another address does not, nor who has only bound."""
    with listening("127.0.0.2") as server, socket.socket() as bound:
        assert asked.listener("127.0.0.1", server.getsockname()[1]) is None
        bound.bind(("127.0.0.1", 0))
        assert asked.listener(*bound.getsockname()) is None


@needs_stranger
def test_a_port_that_changes_hands(asked: Peers) -> None:
    """Another user cannot listen beside us; who does after us has not the socket we had."""
    with listening("127.0.0.1") as server:
        address, port = server.getsockname()
        mine = Listener(address, port, *fact(server))
        assert asked.holds(mine)
        for squat in ("127.0.0.1", "0.0.0.0", "127.0.0.2"):
            with stranger(UID, SQUAT, squat, port) as other:
                assert heard(other) == ("listening" if squat == "127.0.0.2" else "refused")
                assert asked.holds(mine)
    for squat in ("127.0.0.1", "0.0.0.0"):
        with stranger(UID, SQUAT, squat, port) as other:
            assert heard(other) == "listening"
            assert not asked.holds(mine)
            found = asked.listener(address, port)
            assert found is not None
            assert found.uid == UID
        until(lambda: asked.listener(address, port) is None)
    assert not asked.holds(mine)


def test_a_port_with_another_socket_of_ours(asked: Peers) -> None:
    """The same user's next socket is not the one that was found."""
    with listening("127.0.0.1") as server:
        address, port = server.getsockname()
        mine = Listener(address, port, *fact(server))
    with socket.create_server((address, port)):
        assert not asked.holds(mine)


def test_netlink_is_the_best() -> None:
    """Netlink is used where it works."""
    found = peers()
    assert found is not None
    assert isinstance(found._find, Exact)  # noqa: SLF001 - nothing else tells


def test_files_are_second_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are used where there is no netlink."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    found = peers()
    assert found is not None
    assert isinstance(found._find, Files)  # noqa: SLF001 - nothing else tells
