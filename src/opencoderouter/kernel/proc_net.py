"""Listening sockets as the text of ``/proc/net/tcp`` and ``/proc/net/tcp6`` (proc(5))."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from opencoderouter.core.model import Listener

_LISTEN = "0A"  # TCP_LISTEN of linux/tcp_states.h
_WORD = 8  # hexadecimal digits in one word of an address


def read_listeners(proc: Path) -> frozenset[Listener]:
    """Return the listeners of both families. Raises OSError when IPv4's cannot be read."""
    tcp = (proc / "net/tcp").read_text("ascii", "replace")
    tcp6 = proc / "net/tcp6"
    more = tcp6.read_text("ascii", "replace") if tcp6.exists() else ""
    return parse_listeners(tcp) | parse_listeners(more)


def parse_listeners(text: str) -> frozenset[Listener]:
    """Return the listeners of one file; lines of another form are skipped."""
    return frozenset(_parse(text))


def _parse(text: str) -> Iterator[Listener]:
    for line in text.splitlines():
        fields = line.split()
        try:
            if fields[3] == _LISTEN:
                host, _, port = fields[1].partition(":")
                yield Listener(_address(host), int(port, 16), int(fields[7]), int(fields[9]))
        except (IndexError, ValueError):
            continue


def _address(digits: str) -> str:
    """Return the address that the kernel printed word by word, each in the host's byte order."""
    words = (digits[start : start + _WORD] for start in range(0, len(digits), _WORD))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)  # noqa: PLR2004
