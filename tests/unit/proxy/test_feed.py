"""The feed: what a client that has seen this much still needs."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeSupervisor, backend

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Sessions, Status
from opencoderouter.proxy.feed import Change, Feed, Snapshot, difference
from opencoderouter.proxy.view import Row, rows
from opencoderouter.registry import Registry

APP, WEB = backend("/srv/app", 1), backend("/srv/web", 2)


def feed_of(
    *backends: Backend, managed: tuple[Managed, ...] = (), kept: int = 8
) -> tuple[Feed, Registry, FakeSupervisor]:
    """Return a feed and what it follows."""
    registry, supervisor = Registry(), FakeSupervisor(*managed)
    registry.lease(*(state.directory for state in managed))
    registry.observe(*backends)
    return Feed(registry, supervisor, "boot-1", kept=kept), registry, supervisor


def told(feed: Feed, last: str | None) -> list[tuple[str, str]]:
    """Return the events after ``last`` in short: ``+`` changed, ``-`` removed, ``=`` all rows."""
    return [(number, short(what)) for number, what in feed.after(last)]


def short(what: Snapshot | Change) -> str:
    """Return an event as a word."""
    if isinstance(what, Snapshot):
        return "=" + ",".join(row.slug for row in what.rows)
    gone = [f"-{slug}" for slug in what.removed]
    return " ".join([*(f"+{row.slug}" for row in what.changed), *gone])


def test_conversation() -> None:
    """A new client gets a snapshot, later one change a version, in the end nothing."""
    feed, registry, _ = feed_of(APP)
    assert told(feed, None) == [("boot-1-0", "=app")]
    registry.observe(WEB)
    assert told(feed, "boot-1-0") == [("boot-1-1", "+web")]
    registry.forget(APP.listener)
    assert told(feed, "boot-1-1") == [("boot-1-2", "-app")]
    assert told(feed, "boot-1-0") == [("boot-1-1", "+web"), ("boot-1-2", "-app")]
    assert told(feed, "boot-1-2") == []
    assert told(feed, None) == [("boot-1-2", "=web")]


@pytest.mark.parametrize(
    "last",
    [
        *("", "boot-1", "boot-1-", "boot-1-x", "boot-2-0", "-0", "boot-1-2", "boot-1--1"),
        *("boot-1-²", "boot-1-" + "9" * 5000, "\udcff"),
    ],
)
def test_ids_of_others(last: str) -> None:
    """An id that was never ours gets a snapshot."""
    feed, registry, _ = feed_of(APP)
    registry.observe(WEB)
    assert told(feed, last) == [("boot-1-1", "=app,web")]


def test_too_late() -> None:
    """Who missed more changes than are kept gets a snapshot instead."""
    feed, registry, _ = feed_of(APP, kept=2)
    for total in (1, 2, 3):
        registry.observe(backend("/srv/app", 1, sessions=Sessions(total, 0)))
        feed.rows()
    assert told(feed, "boot-1-0") == [("boot-1-3", "=app")]
    assert told(feed, "boot-1-1") == [("boot-1-2", "+app"), ("boot-1-3", "+app")]


def test_changes_nobody_saw() -> None:
    """What came and went while nobody asked is no change; the rest is one."""
    feed, registry, _ = feed_of(APP)
    registry.observe(WEB)
    registry.forget(WEB.listener)
    assert told(feed, "boot-1-0") == []
    registry.observe(WEB)
    registry.forget(APP.listener)
    assert told(feed, "boot-1-0") == [("boot-1-1", "+web -app")]


def test_managed() -> None:
    """A supervisor's news is news, except what cannot be seen in a row."""
    feed, _, supervisor = feed_of(managed=(Managed("/srv/app", Status.STARTING),))
    supervisor.become("/srv/app", Status.FAILED, "no such program")
    [(number, change)] = feed.after("boot-1-0")
    assert number == "boot-1-1"
    assert isinstance(change, Change)
    assert [row.reason for row in change.changed] == ["no such program"]
    supervisor.become("/srv/app", Status.FAILED, "no such program")
    assert told(feed, "boot-1-1") == []


async def test_bell() -> None:
    """The bell rings for changes of the table and of the launcher alike."""
    feed, registry, supervisor = feed_of(managed=(Managed("/srv/app", Status.STARTING),))
    bell = asyncio.Event()

    async def rung() -> None:
        async with asyncio.timeout(10):
            await bell.wait()
        bell.clear()

    async with asyncio.TaskGroup() as group:
        ringing = group.create_task(feed.ring(bell))
        await rung()
        registry.observe(WEB)
        await rung()
        supervisor.become("/srv/app", Status.FAILED)
        await rung()
        ringing.cancel()
    with suppress(asyncio.CancelledError):
        await ringing


STATES = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4), max_size=10
)


def rows_of(state: dict[str, int]) -> dict[str, Row]:
    """Return rows whose number of sessions tells their state."""
    registry = Registry()
    for port, (name, total) in enumerate(sorted(state.items())):
        registry.observe(backend(f"/srv/{name}", port + 1, sessions=Sessions(total, 0)))
    return rows(registry.table, {})


@given(STATES)
def test_changes_add_up(states: list[dict[str, int]]) -> None:
    """Whoever applies every change to the rows before has the rows after."""
    before: dict[str, Row] = {}
    for state in states:
        after = rows_of(state)
        change = difference(before, after)
        assert (change is None) == (before == after)
        if change:
            gone = set(change.removed)
            patched = {slug: row for slug, row in before.items() if slug not in gone}
            patched |= {row.slug: row for row in change.changed}
            assert patched == after
        before = after
