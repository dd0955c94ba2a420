"""Messages between owner and workers: they arrive as they were sent, or not at all."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

from tests.fakes import backend

from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Sessions
from opencoderouter.core.table import Table
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.registry import Registry
from opencoderouter.wiring.messages import Close, Message, Start, encode, read


def table() -> Table:
    """Return a table with everything in it."""
    registry = Registry({"/gone": "gone"})
    for port in range(30000, 30050):
        registry.observe(backend(f"/home/ada/{port % 20}", port, sessions=Sessions(3, 1)))
    return registry.table


def figures() -> Message:
    """Return some figures."""
    stats = Stats()
    stats.project("shop").answered(200, 0.1)
    stats.error("no_answer")
    return stats.snapshot()


async def test_all_arrive_as_they_were_sent() -> None:
    """Each kind of message, one after the other, then the end."""
    start = Start(
        Names("ada", frozenset({"box"})), Limits(), 5.0, 0.8, "json", "info", "-", "common"
    )
    sent: list[Message] = [start, table(), figures(), Close(), Table()]
    reader = asyncio.StreamReader()
    for message in sent:
        reader.feed_data(encode(message))
    reader.feed_eof()
    assert [await read(reader) for _ in sent] == sent
    assert await read(reader) is None


async def test_a_table_is_as_immutable_as_before() -> None:
    """Mappings come as read-only views."""
    reader = asyncio.StreamReader()
    reader.feed_data(encode(table()))
    found = await read(reader)
    assert isinstance(found, Table)
    assert {type(found.projects), type(found.leases)} == {MappingProxyType}


async def test_half_a_message_is_none() -> None:
    """Who dies while he speaks has said nothing."""
    whole = encode(table())
    for cut in (1, 3, 4, 5, len(whole) - 1):
        reader = asyncio.StreamReader()
        reader.feed_data(whole[:cut])
        reader.feed_eof()
        assert await read(reader) is None
