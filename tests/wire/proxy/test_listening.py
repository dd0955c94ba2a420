"""Listening: on twins, alone or in shares, and never where somebody else does."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from multiprocessing.synchronize import Barrier

import pytest
from tests.rig.ports import free_port

from opencoderouter.proxy.listening import CAN_SHARE, PortTaken, accepting, bind

sharing = pytest.mark.skipif(not CAN_SHARE, reason="this system cannot share a port")
SHARES = [1, pytest.param(3, marks=sharing)]
ROUNDS = 150
ALONE = "127.9.9.9"  # has no twin


@contextmanager
def bound(hostname: str, port: int = 0, shares: int = 1) -> Iterator[list[list[socket.socket]]]:
    """Bind, and let go in the end."""
    with ExitStack() as end:
        sockets = bind(hostname, port, shares)
        for sock in chain(*sockets):
            end.enter_context(sock)
        yield sockets


def names(sockets: list[list[socket.socket]]) -> list[list[str]]:
    """Return the addresses of each share; all have one port."""
    assert len({sock.getsockname()[1] for share in sockets for sock in share}) == 1
    return [[sock.getsockname()[0] for sock in share] for share in sockets]


def port_of(sockets: list[list[socket.socket]]) -> int:
    """Return the port."""
    return int(sockets[0][0].getsockname()[1])


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize(
    ("hostname", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1", "::1"]),
        ("::1", ["127.0.0.1", "::1"]),
        ("[::1]", ["127.0.0.1", "::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["0.0.0.0", "::"]),
        ("::", ["0.0.0.0", "::"]),
        (ALONE, [ALONE]),
    ],
)
def test_addresses(hostname: str, addresses: list[str], shares: int) -> None:
    """Loopback and wildcard come as twins on one port, other addresses alone, in each share."""
    with bound(hostname, shares=shares) as sockets:
        assert names(sockets) == [addresses] * shares


def test_unknown_name() -> None:
    """A name that does not resolve is no address."""
    with pytest.raises(socket.gaierror):
        bind("nope.invalid", 0)


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize(
    ("holder", "hostname"),
    [
        *[("127.0.0.1", "127.0.0.1"), ("::1", "127.0.0.1"), ("::1", "localhost")],
        *[("127.0.0.1", "::1"), ("::1", "0.0.0.0"), ("127.0.0.1", "::"), ("::", "127.0.0.1")],
    ],
)
@pytest.mark.parametrize("reuse", ["SO_REUSEADDR", "SO_REUSEPORT", ""])
def test_taken(holder: str, hostname: str, reuse: str, shares: int) -> None:
    """Whoever holds either twin, it fails, says where, and nothing stays bound."""
    family = socket.AF_INET6 if ":" in holder else socket.AF_INET
    port = free_port()
    with socket.socket(family) as held:
        if reuse:
            held.setsockopt(socket.SOL_SOCKET, getattr(socket, reuse), 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((holder, port))
        held.listen()
        with pytest.raises(PortTaken) as failure:
            bind(hostname, port, shares)
        assert failure.value.port == port
        assert (":" in failure.value.address) is (":" in holder)
    with bound(hostname, port) as sockets:
        assert port_of(sockets) == port


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("others", SHARES)
def test_not_by_a_second_router(shares: int, others: int) -> None:
    """Two routers cannot share a port, however many processes each of them has."""
    with bound("127.0.0.1", shares=shares) as sockets, pytest.raises(PortTaken):
        bind("127.0.0.1", port_of(sockets), others)


@pytest.mark.parametrize("shares", SHARES)
def test_whoever_listens_first_wins(monkeypatch: pytest.MonkeyPatch, shares: int) -> None:
    """A router that has bound its port loses it to another one that listens before."""
    port = free_port()
    rivals: list[list[list[socket.socket]]] = []

    class Slow(socket.socket):
        def listen(self, *backlog: int) -> None:
            if not rivals:
                rivals.append([])
                rivals.append(end.enter_context(bound(ALONE, port, shares)))
            super().listen(*backlog)

    monkeypatch.setattr(socket, "socket", Slow)
    with ExitStack() as end, pytest.raises(PortTaken):
        bind(ALONE, port, shares)
    assert len(rivals[1]) == shares


def _compete(barrier: Barrier, port: int, shares: int, won: multiprocessing.Queue[int]) -> None:
    """Bind and let go again and again, together with another process; tell each success."""
    for number in range(ROUNDS):
        barrier.wait(60)
        with ExitStack() as end:
            with suppress(PortTaken):
                for sock in chain(*bind("127.0.0.1", port, shares)):
                    end.enter_context(sock)
                won.put(number)
            barrier.wait(60)


@sharing
@pytest.mark.parametrize(("one", "other"), [(2, 2), (1, 2), (4, 2)])
def test_two_that_start_at_once(one: int, other: int) -> None:
    """Of two routers that bind at the same moment never both succeed, and rarely none.

    The kernel says no to both when each calls listen() while the other one does.
    """
    port = free_port()
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(2), context.Queue()
    both = [
        context.Process(target=_compete, args=(barrier, port, shares, won))
        for shares in (one, other)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    wins = []
    while not won.empty():
        wins.append(won.get())
    assert len(set(wins)) == len(wins)
    assert len(wins) > ROUNDS / 2


@sharing
def test_connections_are_spread() -> None:
    """Each of four shares gets its part of the connections, on both twins."""
    with bound("127.0.0.1", shares=4) as sockets, ExitStack() as end:
        for address in ("127.0.0.1", "::1"):
            for _ in range(100):
                end.enter_context(socket.create_connection((address, port_of(sockets))))
        for share in sockets:
            for sock in share:
                assert 5 < _waiting(sock) < 60


def _waiting(sock: socket.socket) -> int:
    """Return how many connections wait to be accepted, which they are then."""
    count = 0
    while select.select([sock], [], [], 0)[0]:
        sock.accept()[0].close()
        count += 1
    return count


@pytest.mark.parametrize("lack", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize("shares", SHARES)
def test_without_ipv6(monkeypatch: pytest.MonkeyPatch, lack: int, shares: int) -> None:
    """On a machine without IPv6 its half is left out."""

    class NoIPv6(socket.socket):
        def __init__(self, family: int = -1, *args: int) -> None:
            if family == socket.AF_INET6 and lack == errno.EAFNOSUPPORT:
                raise OSError(lack, "no such family")
            super().__init__(family, *args)

        def bind(self, address: tuple[str, int], /) -> None:  # type: ignore[override]
            if self.family == socket.AF_INET6:
                raise OSError(lack, "no such address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", NoIPv6)
    with bound("127.0.0.1", shares=shares) as sockets:
        assert names(sockets) == [["127.0.0.1"]] * shares
    with pytest.raises(OSError, match="no such"):
        bind("2001:db8::1", 0)


@pytest.fixture
def greeted() -> asyncio.Queue[asyncio.BaseTransport]:
    """Return where connections turn up that have been accepted."""
    return asyncio.Queue()


@pytest.fixture
def greet(greeted: asyncio.Queue[asyncio.BaseTransport]) -> type[asyncio.Protocol]:
    """Return a protocol that takes note of its connection."""

    class Greet(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            greeted.put_nowait(transport)

    return Greet


async def test_who_waits_is_accepted_and_who_comes_later_is_not(
    greet: type[asyncio.Protocol], greeted: asyncio.Queue[asyncio.BaseTransport]
) -> None:
    """Connections that came before the block are served in it; after it nobody is let in."""
    port = free_port()
    (sockets,) = bind("127.0.0.1", port)
    with ExitStack() as clients:
        for address in ("127.0.0.1", "::1") * 50:
            clients.enter_context(socket.create_connection((address, port)))
        async with accepting(greet, sockets), asyncio.timeout(20):
            for _ in range(100):
                (await greeted.get()).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("shares", SHARES)
async def test_who_vanishes_is_noticed(
    greet: type[asyncio.Protocol], greeted: asyncio.Queue[asyncio.BaseTransport], shares: int
) -> None:
    """Connections are probed when they are silent, before an hour has passed."""
    with bound("127.0.0.1", shares=shares) as sockets, ExitStack() as clients:
        for sock in chain(*sockets):
            clients.enter_context(socket.create_connection(sock.getsockname()[:2]))
        async with accepting(greet, [sock.dup() for sock in chain(*sockets)]), asyncio.timeout(20):
            for _ in chain(*sockets):
                transport = await greeted.get()
                sock = transport.get_extra_info("socket")
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                if hasattr(socket, "TCP_KEEPIDLE"):
                    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 3600
                transport.close()


async def test_nobody_is_lost_between_two_who_accept(
    greet: type[asyncio.Protocol], greeted: asyncio.Queue[asyncio.BaseTransport]
) -> None:
    """Whenever a block ends, each connection is either served in it or left for the next."""
    with bound(ALONE) as [[sock]], ExitStack() as clients:
        for turns in range(8):
            for _ in range(3):
                clients.enter_context(socket.create_connection(sock.getsockname()))
            async with accepting(greet, [sock.dup()]):
                for _ in range(turns):
                    await asyncio.sleep(0)
        async with accepting(greet, [sock.dup()]), asyncio.timeout(20):
            for _ in range(24):
                (await greeted.get()).close()
