"""Browsing, with somebody who announces in another namespace."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import cycle

import pytest
from tests.rig.announcer import Announcer, Record, announcer, records
from tests.rig.netns import Network, needs_network, network
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.browse import Browser
from opencoderouter.announce.hearing import Records
from opencoderouter.core.announcement import PROJECT, ROUTER
from opencoderouter.core.peers import MOST_PROJECTS, Heard
from opencoderouter.watch import Watch

pytestmark = needs_network

MARK = f"{os.getpid():x}x"  # who else tests on this machine can be heard, too
OTHER = Heard(
    ROUTER,
    f"ocr-{MARK}",
    f"ocr-{MARK}.local",
    8080,
    ("198.51.100.7", "2001:db8::7"),
    (("owner", "bob"), ("version", "0.1.0")),
)
SHOP = replace(
    OTHER, kind=PROJECT, label=f"shop-{MARK}", host=f"shop-{MARK}.local", txt=(("a", "b"),)
)


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Lay a cable to another machine."""
    with network() as made:
        yield made


@pytest.fixture
def somebody(net: Network) -> Iterator[Announcer]:
    """Have somebody announce there."""
    with announcer(net.there, net.command) as made:
        yield made


@asynccontextmanager
async def browsing(net: Network) -> AsyncIterator[Browser]:
    """Browse on the cable only."""
    async with opened(net) as stack, browsing_by(Watch[AsyncZeroconf | None](stack)) as browser:
        yield browser


@asynccontextmanager
async def opened(net: Network) -> AsyncIterator[AsyncZeroconf]:
    """Open sockets on the cable."""
    stack = AsyncZeroconf(interfaces=[net.here])
    try:
        yield stack
    finally:
        await stack.async_close()


@asynccontextmanager
async def browsing_by(stack: Watch[AsyncZeroconf | None]) -> AsyncIterator[Browser]:
    """Browse while the block lasts."""
    browser = Browser(stack)
    async with asyncio.TaskGroup() as group:
        service = group.create_task(browser.run())
        yield browser
        service.cancel()


async def heard(browser: Browser, what: Callable[[tuple[Heard, ...]], bool]) -> tuple[Heard, ...]:
    """Return what is heard as soon as it is as wanted."""
    try:
        async with asyncio.timeout(40):
            async for every in browser.heard.follow():
                found = tuple(one for one in every if MARK in one.label)
                if what(found):
                    return found
    except TimeoutError:
        raise AssertionError(browser.heard.value) from None
    raise AssertionError


async def test_comes_and_goes(net: Network, somebody: Announcer) -> None:
    """Services of both types are heard with all that they tell, until their goodbye."""
    await asyncio.to_thread(somebody.register, OTHER, SHOP)
    async with browsing(net) as browser:
        found = await heard(browser, lambda found: len(found) == 2)
        assert found == (OTHER, SHOP)
        await asyncio.to_thread(somebody.unregister, SHOP.label)
        assert await heard(browser, lambda found: len(found) == 1) == (OTHER,)


async def said(somebody: Announcer, *lines: Record) -> None:
    """Return when somebody has said this."""
    await asyncio.to_thread(somebody.say, *lines)


async def test_an_address_slipped_in(net: Network, somebody: Announcer) -> None:
    """What others add to a service is heard as part of it; who trusts it must not be misled."""
    await asyncio.to_thread(somebody.register, OTHER)
    async with browsing(net) as browser:
        await heard(browser, lambda found: found == (OTHER,))
        await said(somebody, (f"{OTHER.host}.", "A", 120, "192.0.2.66"))
        [found] = await heard(browser, lambda found: found != (OTHER,))
        assert set(found.addresses) == {*OTHER.addresses, "192.0.2.66"}


async def test_gone_without_a_goodbye(net: Network, somebody: Announcer) -> None:
    """Who was heard and does not answer any more is gone soon after the records have expired."""
    async with browsing(net) as browser:
        await said(somebody, *records(OTHER, ttl=2))
        await heard(browser, lambda found: found == (OTHER,))
        assert await heard(browser, lambda found: not found) == ()


async def test_asked_for_what_is_missing(net: Network, somebody: Announcer) -> None:
    """When records are lost, they are asked for; meanwhile the service stays."""
    await asyncio.to_thread(somebody.register, OTHER)
    async with opened(net) as stack, browsing_by(Watch[AsyncZeroconf | None](stack)) as browser:
        await heard(browser, lambda found: found == (OTHER,))
        name, cache = f"{OTHER.label}.{ROUTER}.local.", stack.zeroconf.cache
        cache.async_remove_records(cache.async_entries_with_name(name))
        assert Records(cache).service(ROUTER, name) is None
        async with asyncio.timeout(30):
            while Records(cache).service(ROUTER, name) is None:
                assert browser.heard.value == (OTHER,)
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("label", ["<b>", "a b", "\x1b[2J", "x" * 50 + ".y", "ocr.bob"])
async def test_no_label(net: Network, somebody: Announcer, label: str) -> None:
    """A service that could not have a host of its name is not heard."""
    async with browsing(net) as browser:
        await said(somebody, *records(replace(SHOP, label=MARK + label)), *records(OTHER))
        assert await heard(browser, bool) == (OTHER,)


async def test_a_flood(net: Network, somebody: Announcer) -> None:
    """Who was heard before is heard on, and of the others a bounded number."""
    address = (f"{SHOP.host}.", "A", 120, "10.0.0.1")
    async with browsing(net) as browser:
        await said(somebody, *records(OTHER))
        await heard(browser, lambda found: found == (OTHER,))
        for first in cycle(range(0, 2 * MOST_PROJECTS, 64)):  # for packets are lost, too
            some = [replace(SHOP, label=f"{MARK}{first + n}", addresses=()) for n in range(64)]
            await said(somebody, address, *(line for one in some for line in records(one)))
            if first and projects(browser) >= MOST_PROJECTS:
                break
        one_more = replace(OTHER, label=f"ocr-{MARK}2")
        await said(somebody, address, *records(replace(SHOP, addresses=())), *records(one_more))
        assert OTHER in await heard(browser, lambda found: one_more in found)
        assert projects(browser) == MOST_PROJECTS


def projects(browser: Browser) -> int:
    """Return how many are heard."""
    return sum(one.kind == PROJECT for one in browser.heard.value)


async def test_a_flood_of_those_who_say_nothing(net: Network, somebody: Announcer) -> None:
    """Names without anything behind them keep nobody out."""
    async with browsing(net) as browser:
        type_ = f"{PROJECT}.local."
        for first in range(0, MOST_PROJECTS + 256, 128):
            names = [f"{MARK}{first + n}.{type_}" for n in range(128)]
            await said(somebody, *((type_, "PTR", 4500, name) for name in names))
        while SHOP not in browser.heard.value:  # packets may have been lost
            await said(somebody, *records(SHOP))
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    assert await heard(browser, bool) == (SHOP,)


async def test_opened_anew(net: Network, somebody: Announcer) -> None:
    """Others stay while the sockets are opened anew, and go when there is no network any more."""
    await asyncio.to_thread(somebody.register, OTHER)
    stack = Watch[AsyncZeroconf | None](None)
    async with browsing_by(stack) as browser:
        async with opened(net) as first:
            stack.set(first)
            await heard(browser, lambda found: found == (OTHER,))
            stack.set(None)
        async with opened(net) as second:
            stack.set(second)
            await asyncio.to_thread(somebody.register, SHOP)
            assert await heard(browser, lambda found: found != (OTHER,)) == (OTHER, SHOP)
            stack.set(None)
        assert await heard(browser, lambda found: not found) == ()


async def test_closed_under_it(
    net: Network, somebody: Announcer, caplog: pytest.LogCaptureFixture
) -> None:
    """When the sockets are closed while it asks for something, it waits for others."""
    stack = Watch[AsyncZeroconf | None](None)
    async with browsing_by(stack) as browser:
        async with opened(net) as first:
            stack.set(first)
            await said(somebody, *records(OTHER, ttl=2))
            await heard(browser, lambda found: found == (OTHER,))
        await heard(browser, lambda found: not found)
        async with opened(net) as second:
            stack.set(second)
            await said(somebody, *records(OTHER))
            await heard(browser, lambda found: found == (OTHER,))
    assert caplog.records == []
