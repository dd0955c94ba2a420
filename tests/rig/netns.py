"""A network namespace of its own, with a cable to this one: a client on another machine."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address

import pytest

_FIRST = IPv4Address("198.18.0.0")  # RFC 2544: networks that test
_FIRST6 = IPv6Address("fd00:198:18::")
_NETS = 1 << 15  # of four addresses each
_count = itertools.count(os.getpid() * 8)


@dataclass(frozen=True, slots=True)
class Network:
    """Both ends of the cable: ``here`` are addresses of this namespace, ``there`` of the other.

    The other namespace has a loopback of its own, which is up.
    """

    here: str
    there: str
    here6: str
    there6: str
    pid: int

    def command(self, *argv: object) -> list[str]:
        """Return the command line that runs a program in the other namespace."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, argv)]

    def run(self, *argv: object) -> str:
        """Run a program there to its end, and return what it said; it must not fail."""
        command = self.command(*argv)
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def network() -> Iterator[Network]:
    """Make a namespace, and lay the cable; both are gone when the block is left.

    They are gone, too, when the tests are killed: nothing but a child holds the namespace.
    """
    number = next(_count) % _NETS
    here, there = str(_FIRST + 4 * number + 1), str(_FIRST + 4 * number + 2)
    here6, there6 = str(_FIRST6 + 4 * number + 1), str(_FIRST6 + 4 * number + 2)
    hold = ["unshare", "--net", "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            made = Network(here, there, here6, there6, holder.pid)
            _lay(made, f"ocr{number:x}")
            yield made
        finally:
            holder.kill()


@cache
def why_no_network() -> str:
    """Return why there can be no other namespace here; an empty string when there can."""
    if missing := [name for name in ("ip", "unshare", "nsenter") if not shutil.which(name)]:
        return f"needs {', '.join(missing)}"
    try:
        with network():
            return ""
    except (subprocess.CalledProcessError, AssertionError):
        return "needs the right to make a network namespace"


def _lay(net: Network, name: str) -> None:
    ends = f"{name}a", f"{name}b"
    _do("ip", "link", "add", ends[0], "type", "veth", "peer", ends[1], "netns", str(net.pid))
    _do(*net.command("ip", "link", "set", "lo", "up"))
    _raise((), ends[0], net.here, net.here6)
    _raise(net.command(), ends[1], net.there, net.there6)


def _raise(inside: list[str] | tuple[()], end: str, address: str, address6: str) -> None:
    _do(*inside, "ip", "address", "add", f"{address}/30", "dev", end)
    # nodad: usable at once, without asking whether somebody else has it
    _do(*inside, "ip", "address", "add", f"{address6}/126", "dev", end, "nodad")
    _do(*inside, "ip", "link", "set", end, "up")


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stderr=subprocess.PIPE)


# For tests: @needs_network
needs_network = pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "-")
