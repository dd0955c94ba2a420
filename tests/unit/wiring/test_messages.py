"""Messages between owner and workers: they arrive as they were sent, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import MappingProxyType

from tests.fakes import backend

from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Keyring, Token, digest
from opencoderouter.core.model import Sessions
from opencoderouter.core.table import Table
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.registry import Registry
from opencoderouter.wiring.messages import Close, Message, Start, encode, read

NOW = 1_790_000_000.0
TOKEN = Token("1", "reader", digest("ocrt_1").hex(), 0.0, read_only=True, expires=NOW + 60)
KEYRING = Keyring(
    "always",
    digest("correct"),
    b"k" * 32,
    MappingProxyType({TOKEN.digest: TOKEN}),
    revoked=frozenset({"gone"}),
    secure=True,
)


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
        names=Names("ada", frozenset({"box"})),
        limits=Limits(),
        grace=5.0,
        probe_timeout=0.8,
        log_format="json",
        log_level="info",
        access_log="-",
        access_log_format="common",
        log_size=10**6,
        auth="always",
        audit=Path("/state/audit.jsonl"),
        tls=(Path("/cert.pem"), Path("/key.pem")),
    )
    sent: list[Message] = [start, table(), KEYRING, figures(), Close(), Table(), Keyring()]
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


async def test_a_keyring_is_as_good_as_before() -> None:
    """It lets the same people in, and its tokens come as a read-only view."""
    reader = asyncio.StreamReader()
    reader.feed_data(encode(KEYRING))
    found = await read(reader)
    assert isinstance(found, Keyring)
    assert type(found.tokens) is MappingProxyType
    for secret in ("correct", "ocrt_1"):
        grant = found.judge(secret, NOW)
        assert grant is not None
        assert KEYRING.holds(grant, NOW)


async def test_half_a_message_is_none() -> None:
    """Who dies while he speaks has said nothing."""
    whole = encode(table())
    for cut in (1, 3, 4, 5, len(whole) - 1):
        reader = asyncio.StreamReader()
        reader.feed_data(whole[:cut])
        reader.feed_eof()
        assert await read(reader) is None
