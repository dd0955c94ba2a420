"""Holding a name on a real interface, with somebody who objects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from tests.rig.announcer import announcer
from tests.rig.ear import Ear, answers, ear, probes, told
from tests.rig.netns import Network, needs_network, network
from tests.rig.publisher import ADDRESSES, Kernel, cable, publishing
from zeroconf._dns import DNSAddress, DNSRecord, DNSService

from opencoderouter.announce.claim import Claim
from opencoderouter.announce.stack import Stack
from opencoderouter.core.announcement import PROJECT, Service
from opencoderouter.core.peers import Heard

pytestmark = needs_network

A, SRV = 1, 33
SHOP = Service(PROJECT, "shop-alice", 8080, (("project", "shöp"), ("owner", "alice")), "shop")
BLOG = replace(SHOP, label="blog-alice", slug="blog")
HOST, INSTANCE = "shop-alice.local.", "shop-alice._opencode._tcp.local."
SHOP_AT = Claim(SHOP, ADDRESSES)


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Lay a cable to another machine."""
    with network() as made:
        yield made


@pytest.fixture
async def listener(net: Network) -> AsyncIterator[Ear]:
    """Listen on it."""
    async with ear(net.here) as made:
        yield made


def foreign(address: str, name: str = HOST) -> DNSRecord:
    """Return a record of somebody who says that he is our host."""
    return DNSAddress(name, A, 0x8001, 120, socket.inet_aton(address))


async def test_a_host_that_somebody_has_is_lost(net: Network, listener: Ear) -> None:
    """Who answers the probe keeps the name, though its service is of another kind."""
    taken = Heard("_other._tcp", "any", "shop-alice.local", 1, ("198.51.100.7",), ())
    with announcer(net.there, net.command) as somebody:
        await asyncio.to_thread(somebody.register, replace(taken, kind=PROJECT, label=SHOP.label))
        await listener.hears(told(HOST, A))
        async with publishing(net, SHOP) as publisher:
            await publisher.loses()
            publisher.say(replace(SHOP, label="shop-alice-box"))
            await listener.hears(told("shop-alice-box.local.", A))
    assert publisher.lost == [SHOP.label]
    said = [one for packet in listener.packets for one in answers(packet, HOST)]
    assert SHOP_AT.info().dns_addresses()[0] not in said


async def test_of_two_that_start_together_one_yields(net: Network, listener: Ear) -> None:
    """The lexicographically later keeps the name (RFC 6762 section 8.2)."""
    other = ("192.0.2.2", "2001:db8::2")
    async with publishing(net, SHOP) as one, publishing(net, SHOP, addresses=other) as two:
        await one.loses()
        one.say(replace(SHOP, label="shop-alice-box"))
        await listener.hears(told("shop-alice-box.local.", A))
    assert (one.lost, two.lost) == ([SHOP.label], [])


async def test_of_two_on_one_machine_one_yields(net: Network, listener: Ear) -> None:
    """Host and addresses are the same: the port makes the difference."""
    elsewhere = replace(SHOP, port=8081)
    async with publishing(net, SHOP) as one, publishing(net, elsewhere) as two:
        await one.loses()
        await listener.hears(told(INSTANCE, SRV))
    assert (one.lost, two.lost) == ([SHOP.label], [])


async def test_the_second_on_one_machine_yields(net: Network, listener: Ear) -> None:
    """An answer by unicast may reach the wrong one of two programs that share the port."""
    async with publishing(net, SHOP) as one:
        await listener.hears(told(INSTANCE, SRV))
        async with publishing(net, replace(SHOP, port=8081)) as two:
            await two.loses()
    assert (one.lost, two.lost) == ([], [SHOP.label])


@pytest.mark.parametrize(
    "claim",
    [
        foreign("198.51.100.7"),
        DNSService(INSTANCE, SRV, 0x8001, 120, 0, 0, 8080, "other.local."),
        DNSService(INSTANCE, SRV, 0x8001, 120, 0, 0, 9999, HOST),
    ],
    ids=["address", "target", "port"],
)
async def test_who_contradicts_is_asked(net: Network, listener: Ear, claim: DNSRecord) -> None:
    """A conflict after registration: we probe again, and go on if nobody answers (section 9)."""
    async with publishing(net, SHOP) as publisher:
        at = await listener.hears(told(HOST, A))
        listener.say(claim)
        at = await listener.hears(probes(HOST), after=at)
        await listener.hears(told(HOST, A), after=at)
        assert publisher.lost == []


async def test_who_does_not_give_up_gets_the_name(net: Network, listener: Ear) -> None:
    """After three rounds we yield, once, and do not come back to that name."""
    async with publishing(net, SHOP, BLOG) as publisher:
        at = await listener.hears(told(HOST, A))
        for number in range(3):
            listener.say(foreign(f"198.51.100.{number}"))
            at = await listener.hears(probes(HOST), after=at)  # it has been taken in
            if number < 2:
                at = await listener.hears(told(HOST, A), after=at)
        await publisher.loses()
        publisher.say(SHOP, replace(BLOG, port=81))
        at = await listener.hears(told("blog-alice.local.", A), after=len(listener.packets))
    assert publisher.lost == [SHOP.label]


async def test_what_we_have_said_ourselves_is_no_conflict(net: Network, listener: Ear) -> None:
    """Reflectors and caches may repeat it, from before a change of address, too."""
    async with publishing(net, SHOP, BLOG, addresses=("192.0.2.8",)) as publisher:
        await listener.hears(told(HOST, A))
        await listener.hears(told("blog-alice.local.", A))
        publisher.say(replace(SHOP, port=81), BLOG, addresses=("192.0.2.9",))
        at = await listener.hears(told(HOST, A, ttl=False))
        info = SHOP_AT.info()
        listener.say(foreign("192.0.2.8"), foreign("192.0.2.9"), info.dns_service())
        listener.say(foreign("198.51.100.7", "blog-alice.local."))
        end = await listener.hears(probes("blog-alice.local."), after=at)
    assert not [one for one in listener.packets[at:end] if probes(HOST)(one)]
    assert publisher.lost == []


async def test_a_probe_of_somebody_else_is_answered(net: Network, listener: Ear) -> None:
    """A question for all records of the host gets its addresses, which zeroconf would not say."""
    async with publishing(net, SHOP):
        at = await listener.hears(told(HOST, A))
        at = await listener.hears(told(HOST, A), after=at)
        listener.ask(HOST.upper())
        at = await listener.hears(lambda packet: not packet.is_response(), after=at)
        number = await listener.hears(told(HOST, A), after=at)
    given = set(answers(listener.packets[number - 1], HOST))
    assert given == set(SHOP_AT.info().dns_addresses())


async def test_a_name_is_lost_once(net: Network, listener: Ear) -> None:
    """Not again with other sockets; only when it has not been wanted for a while."""
    kernel = Kernel((cable(net),))
    stack = Stack(look=kernel.look, changes=kernel.changes)
    taken = Heard(PROJECT, SHOP.label, "shop-alice.local", 1, ("198.51.100.7",), ())
    with announcer(net.there, net.command) as somebody:
        await asyncio.to_thread(somebody.register, taken)
        async with publishing(net, SHOP, BLOG, stack=stack) as publisher:
            await publisher.loses()
            at = await listener.hears(told("blog-alice.local.", A))
            kernel.now(replace(cable(net), addresses=(net.here,)))
            at = await listener.hears(probes("blog-alice.local."), after=at)
            at = await listener.hears(told("blog-alice.local.", A), after=at)
            assert publisher.lost == [SHOP.label]
            publisher.say(replace(BLOG, port=81))
            await listener.hears(told("blog-alice._opencode._tcp.local.", SRV), after=at)
            publisher.say(SHOP, BLOG)
            await publisher.loses()
    assert publisher.lost == [SHOP.label] * 2
