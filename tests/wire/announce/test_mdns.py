"""Announcing on a real interface, with somebody who listens."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial

import pytest
from tests.rig.ear import Ear, answers, ear, probes, told
from tests.rig.netns import Network, needs_network, network
from tests.rig.publisher import ADDRESSES, Kernel, cable, publishing
from zeroconf import Zeroconf
from zeroconf._dns import DNSNsec, DNSRecord
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing

from opencoderouter.announce.claim import Claim
from opencoderouter.announce.stack import Stack
from opencoderouter.core.announcement import PROJECT, ROUTER, Service

pytestmark = needs_network

A, PTR, TXT, AAAA, SRV, NSEC = 1, 12, 16, 28, 33, 47
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


def farewells(packets: list[DNSIncoming]) -> set[tuple[str, int]]:
    """Return to which records goodbye has been said."""
    heard = (one for packet in packets if packet.is_response() for one in packet.answers())
    return {(one.key, one.type) for one in heard if one.ttl == 0}


async def test_everything_about_a_service_is_announced(net: Network, listener: Ear) -> None:
    """One packet has PTR, SRV, TXT and all addresses."""
    async with publishing(net, SHOP):
        number = await listener.hears(told(INSTANCE, SRV))
    records = listener.packets[number - 1].answers()
    info = SHOP_AT.info()
    expected = {info.dns_pointer(), info.dns_service(), info.dns_text(), *info.dns_addresses()}
    assert set(records) == expected
    assert {one.type for one in records if one.unique} == {SRV, TXT, A, AAAA}


async def test_a_missing_family_is_denied(net: Network, listener: Ear) -> None:
    """Without IPv6 the announcement says that there is nothing but A."""
    async with publishing(net, SHOP, addresses=("192.0.2.1",)):
        number = await listener.hears(told(HOST, A))
    denied = [one for one in listener.packets[number - 1].answers() if isinstance(one, DNSNsec)]
    assert [(one.key, one.rdtypes) for one in denied] == [(HOST, [A])]


async def test_many_are_probed_at_once(net: Network, listener: Ear) -> None:
    """All names are asked for before the first is announced, each three times."""
    services = [replace(SHOP, label=f"p{number}-alice") for number in range(30)]
    hosts = [f"{one.label}.local." for one in services]
    async with publishing(net, *services):
        ends = [await listener.hears(told(host, A)) for host in hosts]
    for host in hosts:
        asked = [n for n, one in enumerate(listener.packets) if probes(host)(one)]
        assert len(asked) == 3
        assert asked[0] < min(ends)


async def test_the_router_and_its_projects_are_told_apart(net: Network, listener: Ear) -> None:
    """Each type has its own PTR record."""
    router = Service(ROUTER, "ocr-alice-box", 8080)
    async with publishing(net, SHOP, router):
        await listener.hears(told("_opencode._tcp.local.", PTR))
        await listener.hears(told("_opencode-router._tcp.local.", PTR))
        await listener.hears(told("ocr-alice-box.local.", A))


async def test_a_change_of_address_takes_back_the_old_one_alone(
    net: Network, listener: Ear
) -> None:
    """What stays is not said goodbye to."""
    async with publishing(net, SHOP) as publisher:
        await listener.hears(told(HOST, AAAA))
        publisher.say(SHOP, addresses=("192.0.2.1", "192.0.2.3"))
        gone = await listener.hears(told(HOST, AAAA, ttl=False))
        now = await listener.hears(told(HOST, A), after=gone)
        heard = listener.packets[:now]
    assert farewells(heard) == {(HOST, AAAA)}
    assert sum(one.type == A for one in answers(heard[-1], HOST)) == 2


async def test_a_change_of_port_and_text_is_told(net: Network, listener: Ear) -> None:
    """The new records replace the old ones; there is no goodbye."""
    changed = replace(SHOP, port=8081, txt=(("version", "2"),))
    info = Claim(changed, ADDRESSES).info()
    async with publishing(net, SHOP) as publisher:
        at = await listener.hears(told(INSTANCE, SRV))
        publisher.say(changed)
        for record in (info.dns_service(), info.dns_text()):
            await listener.hears(partial(_says, record), after=at)
        heard = list(listener.packets)
    assert farewells(heard) == set()


async def test_who_goes_says_goodbye(net: Network, listener: Ear) -> None:
    """A service that is gone is taken back, with its host; the others stay."""
    async with publishing(net, SHOP, BLOG) as publisher:
        await listener.hears(told(HOST, A))
        await listener.hears(told("blog-alice.local.", A))
        publisher.say(BLOG)
        await listener.hears(told(INSTANCE, SRV, ttl=False))
        gone = farewells(listener.packets)
        kept = {("_opencode._tcp.local.", PTR), (INSTANCE, SRV), (INSTANCE, TXT)}
        assert gone == {*kept, (HOST, A), (HOST, AAAA)}


async def test_the_end_says_goodbye_to_all(net: Network, listener: Ear) -> None:
    """Whichever ends first, the sockets or who uses them."""
    async with publishing(net, SHOP, BLOG):
        await listener.hears(told(HOST, A))
        await listener.hears(told("blog-alice.local.", A))
    for host in (HOST, "blog-alice.local."):
        at = await listener.hears(told(host, A, ttl=False))
        await listener.hears(told(host, A, ttl=False), after=at)


async def test_other_sockets_mean_new_probes(net: Network, listener: Ear) -> None:
    """On another network the names may be taken; what is told meanwhile is not taken back."""
    kernel = Kernel((cable(net),))
    stack = Stack(look=kernel.look, changes=kernel.changes)
    async with publishing(net, SHOP, stack=stack):
        at = await listener.hears(told(HOST, A))
        kernel.now(replace(cable(net), addresses=(net.here,)))
        at = await listener.hears(probes(HOST), after=at)
        end = await listener.hears(told(HOST, A), after=at)
        assert farewells(listener.packets[:end]) == set()


async def test_without_a_network_it_waits(net: Network, listener: Ear) -> None:
    """What is announced without a network is told when there is one."""
    kernel = Kernel(())
    stack = Stack(look=kernel.look, changes=kernel.changes)
    async with publishing(net, SHOP, stack=stack):
        kernel.now(cable(net))
        await listener.hears(told(HOST, A))
        kernel.now()
        await _is(stack, "off")
        kernel.now(cable(net))
        await listener.hears(probes(HOST), after=len(listener.packets))


async def test_what_cannot_be_announced_harms_no_other(
    net: Network, listener: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that is too long for DNS is a line in the log."""
    async with publishing(net, replace(SHOP, label=64 * "x"), BLOG):
        await listener.hears(told("blog-alice.local.", A))
    assert f"mdns not announced host={64 * 'x'}.local" in caplog.text


async def test_what_fails_is_tried_again(
    net: Network, listener: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One packet that cannot be sent costs a second, not the name."""
    failures = [OSError(errno.ENOBUFS, "of the test")]
    send = Zeroconf.async_send

    def fail_once(zeroconf: Zeroconf, out: DNSOutgoing) -> None:
        if failures and any(one.key == HOST for one in out.authorities):
            raise failures.pop()
        send(zeroconf, out)

    monkeypatch.setattr(Zeroconf, "async_send", fail_once)
    async with publishing(net, SHOP):
        await listener.hears(told(HOST, A))
    assert not failures


async def test_nothing_is_said_without_an_address(net: Network, listener: Ear) -> None:
    """A server that nobody reaches is not announced."""
    async with publishing(net, SHOP, addresses=()) as publisher:
        await _is(publisher.stack, "on")
        publisher.say(BLOG)
        await listener.hears(told("blog-alice.local.", A))
    assert not [one for one in listener.packets if probes(HOST)(one)]


async def _is(stack: Stack, state: str) -> None:
    async for status in stack.status.follow():
        if status.state == state:
            return


def _says(record: DNSRecord, packet: DNSIncoming) -> bool:
    return record in packet.answers()
