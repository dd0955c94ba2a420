"""Who has a port, as this machine's kernel tells."""

from __future__ import annotations

import os
import socket

import pytest

from opencoderouter.kernel.holders import holders


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_own(kind: socket.SocketKind, host: str) -> None:
    """A socket of this very process is found, at its address and at no other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as own:
        own.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            own.listen()
        port = own.getsockname()[1]
        (found,) = [one for one in holders(port, address=host) if one.pid == os.getpid()]
        elsewhere = [one.pid for one in holders(port, address="127.0.0.9")]
    assert found.uid == os.geteuid()
    assert found.over == ("TCP" if kind == socket.SOCK_STREAM else "UDP")
    assert os.getpid() not in elsewhere
