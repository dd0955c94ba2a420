"""Whose connection it is, on this machine (``/proc/net/tcp``, Linux).

The fleet loads none of ``kernel``, which knows more ways to ask; for one connection at a time of a
person's browser this one is fast enough.
"""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

Address = tuple[str, int]
_ESTABLISHED = "01"
_FILES = ("tcp", "tcp6")


def is_ours(client: Address, server: Address, *, proc: Path = Path("/proc")) -> bool:
    """Tell whether this user has the client's end of a connection by IPv4.

    Not when the system does not tell, and not when that end is closed by now.
    """
    return any(
        _owner(line, client, server) == os.geteuid()
        for name in _FILES
        for line in _lines(proc / "net" / name)
    )


def can_tell(*, proc: Path = Path("/proc")) -> bool:
    """Tell whether the system says so, by a connection of our own."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0), backlog=1) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            return is_ours(client.getsockname(), server.getsockname(), proc=proc)
    except OSError:
        return False


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()[1:]
    except OSError:
        return []


def _owner(line: str, client: Address, server: Address) -> int | None:
    """Return the uid of a socket if it is the one from ``client`` to ``server``."""
    words = line.split()
    ends = {(_written(*client), _written(*server)), (_mapped(*client), _mapped(*server))}
    fits = (words[1], words[2]) in ends and words[3] == _ESTABLISHED
    return int(words[7]) if fits else None


def _written(address: str, port: int) -> str:
    """Return an end as the kernel writes it: words as this machine has them in memory."""
    return f"{_words(IPv4Address(address).packed)}:{port:04X}"


def _mapped(address: str, port: int) -> str:
    return f"{_words(IPv6Address(f'::ffff:{address}').packed)}:{port:04X}"


def _words(packed: bytes) -> str:
    numbers = memoryview(packed).cast("I")
    return "".join(f"{number:08X}" for number in numbers)
