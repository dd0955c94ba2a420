"""What the kernel of this machine says of sockets that the test opens."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opencoderouter.core.model import Listener
from opencoderouter.kernel.netlink import Netlink, open_netlink
from opencoderouter.kernel.proc_net import read_listeners
from opencoderouter.kernel.sockets import Listeners, kernel_listeners

PROC = Path("/proc")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel of Linux")


@pytest.fixture(params=["netlink", "files", "best"])
def listeners(request: pytest.FixtureRequest) -> Iterator[Listeners]:
    """Return each way to ask."""
    if request.param == "netlink":
        netlink = open_netlink()
        assert netlink is not None
        yield netlink
        netlink.close()
    else:
        ways: dict[str, Callable[[], Listeners | None]] = {
            "files": lambda: lambda: read_listeners(PROC),
            "best": kernel_listeners,
        }
        way = ways[request.param]()
        assert way is not None
        yield way


@pytest.fixture
def here() -> Iterator[int]:
    """Listen, and return the port."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened.getsockname()[1]


def ports(listeners: Listeners | None) -> set[int]:
    """Return the ports that are listened on."""
    assert listeners is not None
    return {item.port for item in listeners()}


def test_appears_and_vanishes(listeners: Listeners) -> None:
    """A socket is in the set from listen() to close(), with its owner and inode."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        expected = Listener("127.0.0.1", port, os.getuid(), os.fstat(opened.fileno()).st_ino)
        assert expected not in listeners()
        opened.listen()
        assert expected in listeners()
    assert expected not in listeners()


@pytest.mark.parametrize("address", ["::1", "::", "0.0.0.0"])
def test_addresses(listeners: Listeners, address: str) -> None:
    """Addresses are as the server bound them, of either family."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as opened:
        opened.bind((address, 0))
        opened.listen()
        port = opened.getsockname()[1]
        assert {x.address for x in listeners() if x.port == port} == {address}


def test_many(listeners: Listeners) -> None:
    """An answer that does not fit one datagram is read to its end."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(400)]
    try:
        assert {item.getsockname()[1] for item in opened} <= ports(listeners)
    finally:
        for item in opened:
            item.close()


def test_unknown_where_there_is_no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without netlink and without the files there is nobody to ask."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert kernel_listeners(tmp_path) is None


def test_files_only(monkeypatch: pytest.MonkeyPatch, here: int) -> None:
    """Without netlink the files do."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert here in ports(kernel_listeners())


def test_netlink_only(tmp_path: Path, here: int) -> None:
    """Without the files netlink does."""
    assert here in ports(kernel_listeners(tmp_path))


def test_netlink_fails(monkeypatch: pytest.MonkeyPatch, here: int) -> None:
    """For a call that netlink fails, the files do."""

    def refuse(_: Netlink) -> None:
        raise PermissionError

    listeners = kernel_listeners()
    monkeypatch.setattr(Netlink, "__call__", refuse)
    assert here in ports(listeners)


def test_cost() -> None:
    """A question is cheap enough for ten times a second (it takes some 50 us)."""
    listeners = kernel_listeners()
    assert listeners is not None
    start = time.perf_counter()
    for _ in range(100):
        listeners()
    assert time.perf_counter() - start < 2
