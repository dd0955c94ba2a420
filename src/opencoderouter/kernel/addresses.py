"""The network interfaces of this machine, their addresses, and word of changes: rtnetlink(7)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

_ROUTE = 0  # NETLINK_ROUTE
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR
_ERROR, _DONE = 2, 3
_NEWLINK, _GETLINK, _NEWADDR, _GETADDR = 16, 18, 20, 22
_GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
_UP, _LOOPBACK, _MULTICAST = 0x1, 0x8, 0x1000  # IFF_*
# IFA_F_*: addresses that nobody may use (yet), and those that are soon given up (RFC 8981)
_TENTATIVE, _DAD_FAILED, _TEMPORARY, _DEPRECATED = 0x40, 0x08, 0x01, 0x20
_UNUSABLE = _TENTATIVE | _DAD_FAILED | _TEMPORARY | _DEPRECATED

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, changed
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_WORD = struct.Struct("=I")
_KIND = 0x3FFF  # of an attribute's type; the rest are flags
_IFNAME, _LINKINFO, _SLAVE_KIND = 3, 18, 4  # IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_SLAVE_KIND
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
# What is plugged into one of these has no network of its own: theirs is the one that counts.
_MASTERS = frozenset({b"bridge", b"bond", b"team"})

_BUFFER = 1 << 16
_TIMEOUT = struct.pack("@ll", 1, 0)  # a second: the kernel answers within the call
_TRIES = 3
_PERIOD = 5.0  # seconds between two looks where the kernel does not tell

_Message = tuple[int, bytes]  # type and body
_Own = tuple[str, str]  # an address, and its network


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface that is up.

    ``addresses`` are those that can be used now: numeric, without zone index, IPv4 first.
    ``networks`` are the networks of these, as ``192.0.2.0/24``: who is in them is directly there.
    """

    name: str
    index: int
    addresses: tuple[str, ...]
    multicast: bool = True
    loopback: bool = False
    networks: tuple[str, ...] = field(default=(), compare=False)


def is_here(address: str) -> bool:
    """Tell whether programs of this machine can listen at a numeric address; of a name, yes."""
    try:
        numeric = socket.AI_NUMERICHOST
        found = socket.getaddrinfo(address.strip("[]"), 0, type=socket.SOCK_DGRAM, flags=numeric)
        family, kind, _, _, end = found[0]
        with socket.socket(family, kind) as probe:
            probe.bind(end)
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def interfaces() -> tuple[Interface, ...]:
    """Return the interfaces that are up, by index.

    Ports of a bridge or a bond are left out. Raises OSError when the kernel does not say.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return _portable()
    for _ in range(_TRIES):
        with suppress(InterruptedError):  # something changed meanwhile: ask again
            return assemble(_dump(_GETLINK), _dump(_GETADDR))
    raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))


async def changes() -> AsyncGenerator[None]:
    """Yield each time after links or addresses may have changed; several changes may be one.

    The first time is at once: who looks then misses nothing.
    """
    try:
        with _subscribe() as heard:
            while True:
                yield
                await _readable(heard)
                _drain(heard)
    except (OSError, AttributeError):  # AttributeError: a Python without AF_NETLINK
        while True:
            yield
            await asyncio.sleep(_PERIOD)


def assemble(links: list[_Message], addresses: list[_Message]) -> tuple[Interface, ...]:
    """Return the interfaces that the kernel's two lists describe."""
    found: dict[int, list[_Own]] = {}
    for index, own in filter(None, (_address(b) for kind, b in addresses if kind == _NEWADDR)):
        found.setdefault(index, []).append(own)
    made = (_interface(body, found) for kind, body in links if kind == _NEWLINK)
    return tuple(sorted(filter(None, made), key=lambda one: one.index))


def messages(data: bytes) -> Iterator[_Message]:
    """Take a datagram of the kernel apart.

    Raises OSError for an error that it tells (EBADMSG: nothing that a kernel says) and
    InterruptedError when the list is not complete.
    """
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        body = data[at + _HEADER.size : at + length]
        if flags & _INTERRUPTED:
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        if kind == _ERROR:
            code = -int.from_bytes(body[:4], sys.byteorder, signed=True) or errno.EBADMSG
            raise OSError(code, os.strerror(code))
        yield kind, body
        at += (length + 3) & ~3  # NLMSG_ALIGN


def _interface(body: bytes, addresses: dict[int, list[_Own]]) -> Interface | None:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    told = _attributes(body[_LINK.size :])
    master = _attributes(told.get(_LINKINFO, b"")).get(_SLAVE_KIND, b"").rstrip(b"\0")
    if not flags & _UP or master in _MASTERS:
        return None
    name = os.fsdecode(told.get(_IFNAME, b"").rstrip(b"\0"))
    here = addresses.get(index, [])
    own, networks = _sorted([one for one, _ in here]), tuple(dict.fromkeys(net for _, net in here))
    return Interface(name, index, own, bool(flags & _MULTICAST), bool(flags & _LOOPBACK), networks)


def _address(body: bytes) -> tuple[int, _Own] | None:
    """Return interface, address and network, unless the address is not usable."""
    family, prefix, flags, _, index = _ADDRESS.unpack_from(body)
    told = _attributes(body[_ADDRESS.size :])
    if _IFA_FLAGS in told:
        (flags,) = _WORD.unpack_from(told[_IFA_FLAGS])
    # Of a point-to-point link IFA_ADDRESS is the other end.
    packed = told.get(_IFA_LOCAL) or told.get(_IFA_ADDRESS)
    if family not in {socket.AF_INET, socket.AF_INET6} or not packed:
        return None
    unusable = family == socket.AF_INET6 and flags & _UNUSABLE
    if unusable:
        return None
    network = ip_network((told.get(_IFA_ADDRESS) or packed, prefix), strict=False)
    return index, (socket.inet_ntop(family, packed), str(network))


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _KIND] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3  # RTA_ALIGN
    return found


def _sorted(addresses: list[str]) -> tuple[str, ...]:
    """Put IPv4 first; within a family the kernel's order stays."""
    return tuple(sorted(dict.fromkeys(addresses), key=lambda one: ip_address(one).version))


def _dump(kind: int) -> list[_Message]:
    found: list[_Message] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _ROUTE) as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
        size = _HEADER.size + _LINK.size  # the longer of both questions; all of it zero: everything
        kernel.send(_HEADER.pack(size, kind, _REQUEST_DUMP, 0, 0) + bytes(_LINK.size))
        while not found or found[-1][0] != _DONE:
            found.extend(messages(kernel.recv(_BUFFER)))
    return found


def _subscribe() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    heard = socket.socket(socket.AF_NETLINK, kind, _ROUTE)
    try:
        heard.bind((0, _GROUPS))
    except OSError:
        heard.close()
        raise
    return heard


async def _readable(opened: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(opened, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(opened)


def _drain(heard: socket.socket) -> None:
    """Read all there is. What has been lost (ENOBUFS) was a change, too."""
    while True:
        try:
            heard.recv(_BUFFER)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


def _portable() -> tuple[Interface, ...]:
    """Ask getifaddrs(3), which does not tell what an interface is good for."""
    import ifaddr

    found = []
    for adapter in ifaddr.get_adapters():
        ips = [(ip.ip if ip.is_IPv4 else ip.ip[0], ip.network_prefix) for ip in adapter.ips]
        own = [(str(one).partition("%")[0], prefix) for one, prefix in ips]
        networks = tuple(dict.fromkeys(str(ip_network(one, strict=False)) for one in own))
        addresses = _sorted([one for one, _ in own])
        loopback = any(ip_address(one).is_loopback for one in addresses)
        index = adapter.index or 0
        found.append(
            Interface(adapter.name, index, addresses, loopback=loopback, networks=networks)
        )
    return tuple(sorted(found, key=lambda one: one.index))
