"""Which interfaces are spoken on, and which addresses are told."""

from __future__ import annotations

import pytest

from opencoderouter.announce.reach import announced, wanted
from opencoderouter.kernel.addresses import Interface

LO = Interface("lo", 1, ("127.0.0.1", "::1"), multicast=False, loopback=True)
ETH = Interface("eth0", 2, ("192.0.2.2", "2001:db8::2", "fe80::2"))
DOCKER = Interface("docker0", 3, ("172.17.0.1",))
BARE = Interface("eth1", 4, ())
TUNNEL = Interface("tun0", 5, ("10.8.0.2",), multicast=False)
LOCAL = Interface("eth2", 6, ("fe80::6",))
LAN = Interface("br-lan", 7, ("198.51.100.7",))
INNER = Interface("br-0123456789ab", 8, ("172.18.0.1",))
EVERY = (LO, ETH, DOCKER, BARE, TUNNEL, LOCAL, LAN, INNER)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), ["eth0", "eth2", "br-lan"]),
        (("!eth*",), ["br-lan"]),
        (("br-*",), ["br-lan", "br-0123456789ab"]),
        (("eth*",), ["eth0", "eth2"]),
        (("eth*", "docker0", "!eth2"), ["eth0", "docker0"]),
        (("lo",), ["lo"]),
        (("lo", "eth0"), ["lo", "eth0"]),
        (("ETH0",), []),
        (("tun0", "eth1"), []),
        (("!*",), []),
    ],
)
def test_wanted(patterns: tuple[str, ...], expected: list[str]) -> None:
    """Patterns choose; loopback and bridges of containers have to be named.

    Without address or multicast it is vain.
    """
    assert [one.name for one in wanted(EVERY, patterns)] == expected


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (["0.0.0.0"], ("192.0.2.2", "172.17.0.1")),
        (["::"], ("192.0.2.2", "172.17.0.1", "2001:db8::2", "fe80::6")),
        (["0.0.0.0", "::"], ("192.0.2.2", "172.17.0.1", "2001:db8::2", "fe80::6")),
        (["192.0.2.2"], ("192.0.2.2",)),
        (["::ffff:192.0.2.2"], ("192.0.2.2",)),
        (["2001:0db8::0:2"], ("2001:db8::2",)),
        (["fe80::6%eth2"], ("fe80::6",)),
        (["127.0.0.1"], ()),
        (["127.0.0.1", "::1", "172.17.0.1"], ("172.17.0.1",)),
        (["198.51.100.9"], ()),
        ([], ()),
    ],
)
def test_announced(bound: list[str], expected: tuple[str, ...]) -> None:
    """What is bound is told where an interface has it: a link-local address only for want of more.

    A server that only this machine reaches is not told at all.
    """
    assert announced((ETH, DOCKER, LOCAL), bound) == expected


def test_an_address_is_told_once() -> None:
    """Two interfaces may have one address."""
    assert announced((DOCKER, DOCKER), ["0.0.0.0"]) == ("172.17.0.1",)


def test_the_loopback_is_told_where_it_is_wanted() -> None:
    """Who names the loopback has the names on this machine."""
    assert announced((LO,), ["127.0.0.1"]) == ("127.0.0.1",)


def test_loopback_addresses() -> None:
    """They are told where nothing else is spoken on: others would find themselves there."""
    assert announced((LO, ETH), ["0.0.0.0", "::"]) == ("192.0.2.2", "2001:db8::2")
    assert announced((LO,), ["0.0.0.0", "::"]) == ("127.0.0.1", "::1")
