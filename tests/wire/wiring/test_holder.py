"""Who holds a port."""

from __future__ import annotations

import os
import socket

from tests.rig.ports import free_port

from opencoderouter.wiring.holder import holder, user_name


def test_the_holder_of_a_port_is_named() -> None:
    """Command and pid of an own process; a phrase when nobody is seen to hold it."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        assert f"(pid {os.getpid()})" in holder(held.getsockname()[1])
    assert holder(free_port()) == "another process"


def test_names_of_users() -> None:
    """A name where there is one, else the number."""
    assert user_name(0) == "root"
    assert user_name(987654) == "987654"
    assert user_name(None) == "unknown"
