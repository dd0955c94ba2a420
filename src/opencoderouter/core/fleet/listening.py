"""Who listens on a host: servers and routers of its user, as ``fleet/probe.sh`` tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from opencoderouter.core.basic import basic
from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.model import Endpoint, Server

_LINE = re.compile(r"server (\d{1,10}) (\S{1,80}) ([0-9a-f]*|-) ([0-9a-f]*|-) ([0-9a-f]*|-)")
_IPV4 = re.compile(r"([0-9A-F]{8}):([0-9A-F]{4})")
_IPV6 = re.compile(r"([0-9A-F]{32}):([0-9A-F]{4})")
_TEXT = re.compile(r"(\*|\[?[0-9a-fA-F:.]+\]?):(\d{1,5})")  # as lsof has it
_OPENCODE = frozenset({"opencode", "opencode.exe"})
_ROUTER = frozenset({"ocr-router", "opencoderouter"})
_PORTS = 65_536
_MANY = 100  # sockets that are worth asking; who shows more wants to keep us busy


@dataclass(frozen=True, slots=True)
class Place:
    """A socket that a server or a router listens on. ``authorization`` is a secret."""

    server: Server
    is_router: bool = False
    authorization: str | None = field(default=None, repr=False, compare=False)

    @property
    def endpoint(self) -> Endpoint:
        """Return where it is asked."""
        server = self.server
        return Endpoint(server.port, server.address, authorization=self.authorization)


def read_places(text: str) -> tuple[Place, ...]:
    """Return who listens, by pid; each socket once, under the first pid that has it."""
    found = dict[tuple[int, str], Place]()
    lines = filter(None, map(_LINE.fullmatch, text.splitlines()))
    for pid, address, *rest in sorted((line.groups() for line in lines), key=lambda x: int(x[0])):
        end, told = _end(address), [_decoded(word) for word in rest]
        place = _place(int(pid), end, told) if end else None
        if place is not None:
            found.setdefault((place.server.port, place.server.address), place)
        if len(found) == _MANY:
            break
    return tuple(found.values())


def _place(pid: int, end: tuple[str, int], told: list[str]) -> Place | None:
    """Return what a socket is by the arguments of its process; None where it is neither."""
    cwd, arguments, environment = told
    names = [word.rpartition("/")[2] for word in arguments.split("\0")[:3]]
    address, port = end
    server = Server(port, address, pid)
    if _ROUTER & set(names) or any(name.startswith("opencoderouter.") for name in names):
        return Place(server, is_router=True)
    if not _OPENCODE & set(names[:2]):
        return None
    known = dict(_variables(environment))
    where = values.directory(cwd.removesuffix("\n").removesuffix(" (deleted)"))
    server = Server(port, address, pid, where, managed="OCR_SERVER_ID" in known)
    return Place(server, authorization=_authorization(known))


def _variables(environment: str) -> Iterator[tuple[str, str]]:
    for line in environment.splitlines():
        name, mark, value = line.partition("=")
        if mark:
            yield name, value


def _authorization(known: Mapping[str, str]) -> str | None:
    """Return the credentials of a server that a router has started; others' are theirs."""
    password = known.get("OPENCODE_SERVER_PASSWORD")
    if "OCR_SERVER_ID" not in known or not password:
        return None
    return basic(known.get("OPENCODE_SERVER_USERNAME") or "opencode", password)


def _decoded(word: str) -> str:
    """Return the text of hexadecimal digits; nothing where it is no UTF-8."""
    try:
        return bytes.fromhex(word.strip("-")).decode()
    except ValueError:
        return ""


def _end(text: str) -> tuple[str, int] | None:
    """Return address and port that a client on the host connects to."""
    if found := _IPV4.fullmatch(text) or _IPV6.fullmatch(text):
        return _reachable(_address(found[1]), int(found[2], 16))
    if found := _TEXT.fullmatch(text):
        host, port = found[1].strip("[]").replace("*", "0.0.0.0"), int(found[2])  # noqa: S104 - as lsof writes it
        return _reachable(host, port)
    return None


def _address(digits: str) -> str:
    """Return an address of ``/proc/net/tcp``: words of four octets, the lowest first.

    Machines that count the other way round (s390x) are not told apart.
    """
    words = (bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    packed = b"".join(words)
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))  # noqa: PLR2004


def _reachable(host: str, port: int) -> tuple[str, int] | None:
    """Return them with loopback for who listens everywhere."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if not 0 < port < _PORTS:
        return None
    return "127.0.0.1" if address.is_unspecified else str(address), port
