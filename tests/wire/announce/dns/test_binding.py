"""Sockets of the server, and the words when there are none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.rig.netns import needs_network, network
from tests.rig.ports import free_port

from opencoderouter.announce.dns.binding import Place, Unbound, bind, see_forward


def close(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Close all sockets."""
    for pair in pairs:
        for one in pair:
            one.close()


def test_both() -> None:
    """Each place has UDP and TCP on the same port, also when any port will do."""
    found = bind((("127.0.0.1", 0), ("::1", 0)))
    for (udp, tcp), host in zip(found, ("127.0.0.1", "::1"), strict=True):
        assert udp.getsockname() == tcp.getsockname()
        assert udp.getsockname()[0] == host
        assert (udp.type, tcp.type) == (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        assert udp.getblocking() is tcp.getblocking() is False
    close(found)


def test_protocol() -> None:
    """The TCP socket says that it is one: asyncio sends small answers at once only then."""
    found = bind((("127.0.0.1", 0),))
    assert found[0][1].proto == socket.IPPROTO_TCP
    close(found)


def test_both_wildcards() -> None:
    """IPv4 and IPv6 can be had at one port: ``::`` is IPv6 only."""
    port = free_port()
    close(bind((("0.0.0.0", port), ("::", port))))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_taken(kind: socket.SocketKind) -> None:
    """It is enough that UDP or TCP is taken; the text names who has it, and nothing stays bound."""
    with socket.socket(socket.AF_INET, kind) as other:
        port = free_port()
        other.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(
            Unbound, match=rf"^.*port {port} of 127.0.0.1 is taken by .* \(pid {os.getpid()}\)"
        ):
            bind((("127.0.0.1", 0), ("127.0.0.1", port)))
    close(bind((("127.0.0.1", port),)))


def test_free_again() -> None:
    """A port is free at once after a server with connections: a restart does not wait."""
    place = ("127.0.0.1", free_port())
    ((_, tcp),) = found = bind((place,))
    with socket.create_connection(place) as client, ExitStack() as ends:
        tcp.settimeout(10)
        ends.enter_context(tcp.accept()[0]).shutdown(socket.SHUT_RDWR)
        assert client.recv(1) == b""
    close(found)
    close(bind((place,)))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (("192.0.2.1", 0), "192.0.2.1 is no address of this machine"),
        (("2001:db8::1", 0), "2001:db8::1 is no address of this machine"),
    ],
)
def test_elsewhere(place: Place, text: str) -> None:
    """An address that is not there is said to be not there."""
    with pytest.raises(Unbound, match=text):
        bind((place,))


@needs_network
def test_low_port() -> None:
    """Without the right to a low port the text says which right."""
    script = "from opencoderouter.announce.dns.binding import bind\nbind((('127.0.0.1', 53),))"
    command = [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "--bounding-set=-all",
        sys.executable,
        "-c",
        script,
    ]
    source = Path(__file__).parents[4] / "src"
    with network() as net:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), *sys.path])}
        run = subprocess.run(
            net.command(*command), check=False, capture_output=True, text=True, env=environment
        )
    assert "port 53 of 127.0.0.1 needs root or CAP_NET_BIND_SERVICE" in run.stderr


@pytest.mark.parametrize(
    ("place", "forward"),
    [
        (("127.0.0.1", 53), ("127.0.0.1", 53)),
        (("::1", 53), ("::1", 53)),
        (("0.0.0.0", 53), ("127.0.0.9", 53)),
        (("::", 53), ("::1", 53)),
    ],
)
def test_forward_to_itself(place: Place, forward: Place) -> None:
    """A server that would ask itself is refused, in words that name both places."""
    text = f"--dns-forward {forward[0]} leads to port 53 of {place[0]}: it would ask itself"
    with pytest.raises(Unbound, match=text):
        see_forward((("127.0.0.1", 8053), place), (("192.0.2.1", 53), forward))


@pytest.mark.parametrize(
    ("place", "forward"),
    [
        (("127.0.0.1", 8053), ("127.0.0.1", 53)),
        (("127.0.0.1", 53), ("127.0.0.53", 53)),
        (("0.0.0.0", 53), ("192.0.2.1", 53)),
        (("::", 53), ("127.0.0.1", 53)),
    ],
)
def test_forward_to_another(place: Place, forward: Place) -> None:
    """Another port, another address, another machine, the other family: that is another server."""
    see_forward((place,), (forward,))
