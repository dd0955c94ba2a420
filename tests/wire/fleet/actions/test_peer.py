"""Tests of whose a connection is, on real sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from opencoderouter.fleet.actions import peer

pytestmark = pytest.mark.skipif(not peer.can_tell(), reason="this system does not tell")


@pytest.mark.parametrize("mapped", [False, True])
def test_ours(*, mapped: bool) -> None:
    """A connection of this process is ours while it is open, by either kind of socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        family = socket.AF_INET6 if mapped else socket.AF_INET
        where = ("::ffff:127.0.0.1" if mapped else "127.0.0.1", server.getsockname()[1])
        with socket.socket(family) as client:
            client.connect(where)
            taken, address = server.accept()
            with taken:
                assert peer.is_ours(address, taken.getsockname())
        assert not peer.is_ours(address, server.getsockname())


def test_another_user(tmp_path: Path) -> None:
    """A connection of another uid is not ours."""
    line = "0: 0100007F:{:04X} 0100007F:{:04X} {} 00000000:00000000 00:00000000 00000000 {} 0 1 1"
    folder = tmp_path / "net"
    folder.mkdir()
    for state, uid, expected in (
        ("01", os.geteuid(), True),
        ("01", os.geteuid() + 1, False),
        ("06", os.geteuid(), False),
    ):
        (folder / "tcp").write_text(f"head\n{line.format(5000, 6000, state, uid)}\n")
        ends = ("127.0.0.1", 5000), ("127.0.0.1", 6000)
        assert peer.is_ours(*ends, proc=tmp_path) is expected
        assert not peer.is_ours(ends[1], ends[0], proc=tmp_path)


def test_cannot_tell(tmp_path: Path) -> None:
    """Without the kernel's files nothing is ours, and that is known beforehand."""
    assert not peer.can_tell(proc=tmp_path)
