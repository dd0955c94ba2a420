"""DNS servers that are silent, and which of those with their port are to end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts
from tests.rig.ports import free_port

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.net import Told
from opencoderouter.doctor.net_dns import look

MUTE = """
import pathlib, signal, socket, sys
pathlib.Path("/proc/self/comm").write_text(sys.argv[1])
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind((sys.argv[2], int(sys.argv[3])))
print("held", flush=True)
signal.pause()
"""


@contextmanager
def mute(name: str, address: str, port: int) -> Iterator[int]:
    """Have a program of that name hold a UDP port at one address; yield its pid."""
    command = [sys.executable, "-c", MUTE, name, address, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            yield child.pid
        finally:
            child.kill()


def ill(tmp_path: Path, address: str, port: int) -> Finding:
    """Return what is found of a router's server there."""
    known = replace(facts(tmp_path, dns=()), proc=Path("/proc"))
    [finding] = look(known, Told(dns=(f"{address}:{port}",)))
    assert finding.status is Status.ERROR
    return finding


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_who_is_to_end(tmp_path: Path) -> None:
    """Who has the port at that address, or at every one; not who has it at another one."""
    port = free_port()
    with mute("other", "127.0.0.2", port), mute("culprit", "127.0.0.1", port) as pid:
        mend = ill(tmp_path, "127.0.0.1", port).mend
    assert mend == (f"kill {pid}  # culprit", f"ocr-router serve --dns 127.0.0.1:{port}")
    with mute("culprit", "0.0.0.0", port) as pid:
        assert ill(tmp_path, "127.0.0.1", port).mend[0] == f"kill {pid}  # culprit"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_router_is_not_killed(tmp_path: Path) -> None:
    """One that is silent is to be started again."""
    port = free_port()
    with mute("ocr-router", "127.0.0.1", port) as pid:
        [mend] = ill(tmp_path, "127.0.0.1", port).mend
    assert mend.startswith(f"Stop ocr-router (pid {pid}) and start it again: ocr-router serve")


def test_an_address_that_is_not_here(tmp_path: Path) -> None:
    """That is said, and nobody is to end for it."""
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("0.0.0.0", port))
        finding = ill(tmp_path, "198.51.100.9", port)
    assert "198.51.100.9 is no address of this machine" in finding.summary
    assert str(os.getpid()) not in " ".join(finding.mend)
