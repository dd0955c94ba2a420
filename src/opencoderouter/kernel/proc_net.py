"""Sockets as the text of ``/proc/net/tcp``, ``tcp6``, ``udp`` and ``udp6`` (proc(5))."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from opencoderouter.core.model import Listener
from opencoderouter.kernel.tcp import LISTEN, End, Socket, packed

_LISTEN = f"{LISTEN:02X}"
_WORD = 8  # hexadecimal digits in one word of an address


def read_listeners(proc: Path) -> frozenset[Listener]:
    """Return the listeners of both families. Raises OSError when IPv4's cannot be read."""
    return parse_listeners(_read(proc))


def parse_listeners(text: str) -> frozenset[Listener]:
    """Return the listeners of one file; lines of another form are skipped."""
    found = _parse(line for line in text.splitlines() if f" {_LISTEN} " in line)
    return frozenset(_listener(one) for one in found if one.state == LISTEN)


def read_sockets(proc: Path) -> Iterator[Socket]:
    """Return the sockets of both families. Raises OSError when IPv4's cannot be read."""
    return map(_undressed, _parse(_read(proc).splitlines()))


def read_table(path: Path) -> list[Socket]:
    """Return the sockets of one file, IPv4 in the dress of IPv6 as IPv4; none without the file."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    return [_undressed(one) for one in _parse(lines)]


def _undressed(one: Socket) -> Socket:
    return one._replace(source=packed(*one.source), destination=packed(*one.destination))


def _parse(lines: Iterable[str]) -> Iterator[Socket]:
    for line in lines:
        fields = line.split()
        try:
            source, destination = _end(fields[1]), _end(fields[2])
            yield Socket(int(fields[3], 16), source, destination, int(fields[7]), int(fields[9]))
        except (IndexError, ValueError):
            continue


def _read(proc: Path) -> str:
    """Return both files, one after the other."""
    tcp = (proc / "net/tcp").read_text("ascii", "replace")
    tcp6 = proc / "net/tcp6"
    return tcp + (tcp6.read_text("ascii", "replace") if tcp6.exists() else "")


def _end(text: str) -> End:
    """Return an end; the kernel prints addresses word by word, each in the host's byte order."""
    digits, _, port = text.partition(":")
    words = (digits[start : start + _WORD] for start in range(0, len(digits), _WORD))
    address = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    if len(address) not in {4, 16}:
        raise ValueError(text)
    return End(address, int(port, 16))


def _listener(found: Socket) -> Listener:
    address, port = found.source
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6  # noqa: PLR2004
    return Listener(socket.inet_ntop(family, address), port, found.uid, found.inode)
