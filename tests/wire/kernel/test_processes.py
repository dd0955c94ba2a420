"""Processes that really run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rig.wait import until

from opencoderouter.core.model import Kind
from opencoderouter.kernel.processes import (
    descendants,
    may_read,
    opencode_processes,
    process,
    resident_bytes,
    socket_owners,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# Says where it listens, has a child, and ends with its input.
SERVER = """
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
print(listener.getsockname()[1], child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


def test_server(tmp_path: Path) -> None:
    """A program called opencode is found by its name, with directory, socket and children."""
    program = tmp_path / "opencode"
    program.symlink_to(sys.executable)
    command = [str(program), "-c", SERVER, "serve"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline().split()[1])
        found = next(p for p in opencode_processes(os.getuid()) if p.pid == server.pid)
        assert found == process(server.pid)
        assert (found.ppid, found.uid, found.cwd) == (os.getpid(), os.getuid(), str(tmp_path))
        assert (found.argv, found.kind) == (tuple(command), Kind.TUI)
        assert child in descendants(server.pid)
        assert {child, server.pid} <= set(descendants(os.getpid()))
        assert (resident_bytes(server.pid) or 0) > 1 << 20


def test_zombie() -> None:
    """A process that has ended but was not waited for is none."""
    with subprocess.Popen(["true"]) as ended:
        until(lambda: process(ended.pid) is None, what=lambda: process(ended.pid))
        assert ended.pid not in descendants(os.getpid())


def test_own_socket() -> None:
    """A socket belongs to who holds it, until it is closed."""
    with socket.socket() as opened:
        inode = os.fstat(opened.fileno()).st_ino
        assert socket_owners([inode], [os.getpid()]) == {inode: os.getpid()}
    assert socket_owners([inode], [os.getpid()]) == {}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be somebody else")
def test_the_group_counts_too() -> None:
    """Descriptors can be listed by the same user, but read only with the same group."""

    def may(group: int) -> bool:
        child = os.fork()
        if not child:
            os.setgroups([])
            os.setgid(group)
            os.setuid(4242)
            os._exit(may_read(other.pid))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1

    with subprocess.Popen(["sleep", "60"], user=4242, group=4242, extra_groups=[]) as other:
        try:
            assert may(4242)
            assert not may(4243)
        finally:
            other.kill()
