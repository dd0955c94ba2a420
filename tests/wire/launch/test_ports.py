"""A free port is one that can really be had."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from tests.rig.ports import free_range

from opencoderouter.core.model import Listener
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.launch.ports import free_port


def test_order() -> None:
    """The first of the range; rather the best; a bad one only when there is no other."""
    ports = free_range()[:3]
    first, second, third = ports
    assert free_port(ports, listeners=None, taken=()) == first
    assert free_port(ports, listeners=None, taken=(), best=third) == third
    assert free_port(ports, listeners=None, taken=(), best=9) == first
    assert free_port(ports, listeners=None, taken=(), best=first, last={first}) == second
    assert free_port(ports, listeners=None, taken={first, third}, last={second}) == second
    assert free_port(ports, listeners=None, taken=set(ports)) is None


def test_listened_on() -> None:
    """A port is taken when somebody listens on it, whatever the kernel would let us bind."""
    ports = free_range()[:2]
    table = frozenset({Listener("::1", ports[0])})
    assert free_port(ports, listeners=lambda: table, taken=()) == ports[1]
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
        with socket.create_server((address, ports[0]), family=family):
            assert free_port(ports, listeners=kernel_listeners(), taken=()) == ports[1]


def test_bound() -> None:
    """Without the kernel's table, a port is taken when it cannot be bound."""
    ports = free_range()[:2]
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[0]))
        assert free_port(ports, listeners=None, taken=()) == ports[1]


def test_kernel_refuses() -> None:
    """When the kernel does not tell any more, binding still does."""

    def refused() -> frozenset[Listener]:
        raise PermissionError

    ports = free_range()[:2]
    with socket.create_server(("127.0.0.1", ports[0])):
        assert free_port(ports, listeners=refused, taken=()) == ports[1]


def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that can open nothing more finds no free port, and no error either."""

    def exhausted() -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    ports = free_range()[:1]
    monkeypatch.setattr("opencoderouter.launch.ports.socket.socket", exhausted)
    assert free_port(ports, listeners=None, taken=()) is None


def test_closing_connections() -> None:
    """A port whose last connections are still closing is free."""
    ports = free_range()[:1]
    address = ("127.0.0.1", ports[0])
    with socket.create_server(address) as server, socket.create_connection(address) as client:
        server.accept()[0].close()  # who closes first has the waiting state
        assert client.recv(1) == b""
    assert free_port(ports, listeners=kernel_listeners(), taken=()) == ports[0]
