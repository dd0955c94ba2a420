"""What of this machine is told on which network: interfaces by pattern, addresses by binding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address

from opencoderouter.kernel.addresses import Interface

_NOT = "!"
# Networks of containers and virtual machines on this machine. The client's own machine often has
# the same addresses (172.17.0.1), and would connect to itself.
_INNER = tuple("docker0 br-???????????? cni* podman* virbr* lxcbr* lxdbr* incusbr* veth*".split())


def wanted(
    interfaces: Iterable[Interface], patterns: tuple[str, ...] = ()
) -> tuple[Interface, ...]:
    """Return the interfaces on which to speak: those that have an address and take multicast.

    ``patterns`` are names with ``*``, ``?`` and ``[...]``; with ``!`` before it one excludes.
    Without any that includes, all are meant but the loopback and the bridges of containers and
    virtual machines, which have to be named.
    """
    include = [one for one in patterns if not one.startswith(_NOT)]
    exclude = [one.removeprefix(_NOT) for one in patterns if one.startswith(_NOT)]
    return tuple(
        one
        for one in interfaces
        if one.addresses
        and (_any(one.name, include) if include else not (one.loopback or _any(one.name, _INNER)))
        and not _any(one.name, exclude)
        and (one.multicast or one.loopback)  # Linux has no such flag on a loopback that does
    )


def announced(interfaces: Iterable[Interface], bound: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses at which others reach a server, numeric, IPv4 first, each once.

    ``bound`` are the numeric addresses at which it listens: ``0.0.0.0`` stands for every IPv4
    address, ``::`` for every address. An address that none of the ``interfaces`` has is not told.
    A link-local one is told only where its interface has nothing else, one of a loopback only where
    nothing else is spoken on: to others it is their own machine.
    """
    asked, spoken = {_plain(one) for one in bound}, list(interfaces)
    outer = [one for one in spoken if not one.loopback] or spoken
    found = dict.fromkeys(
        address for one in outer for address in _useful(one) if _reached(address, asked)
    )
    return tuple(str(one) for one in sorted(found, key=lambda one: one.version))


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, one) for one in patterns)


def _useful(interface: Interface) -> Iterator[IPv4Address | IPv6Address]:
    own = [_plain(one) for one in interface.addresses]
    yield from [one for one in own if not one.is_link_local] or own


def _reached(address: IPv4Address | IPv6Address, bound: set[IPv4Address | IPv6Address]) -> bool:
    everywhere = {one.version for one in bound if one.is_unspecified}
    return address in bound or address.version in everywhere or 6 in everywhere  # noqa: PLR2004 - IPv6 takes both


def _plain(text: str) -> IPv4Address | IPv6Address:
    """Return the address without its zone; an IPv4 address within IPv6 as what it is."""
    address = ip_address(text.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
