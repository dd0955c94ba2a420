"""Answers that were given before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.rig.questions import ZONE, ask, opt

from opencoderouter.announce.dns.answer import Answer, Kind, Rules, decide
from opencoderouter.announce.dns.cache import Cache

PACKET = ask("app-alice.local")


def fresh(packet: bytes) -> Answer:
    """Return an answer that was made for a packet."""
    decision = decide(packet, ZONE, Rules(), tcp=False)
    assert isinstance(decision, Answer)
    return decision


@pytest.fixture
def cache() -> Cache:
    """Return one that knows the answer to one question."""
    made = Cache()
    made.keep(PACKET, fresh(PACKET))
    return made


def test_same_question(cache: Cache) -> None:
    """The same question with another id gets the very octets, behind that id."""
    other = b"\xab\xcd" + PACKET[2:]
    found = cache.find(other)
    assert found is not None
    assert other[:2] + found.wire == fresh(other).wire
    assert found.kind is Kind.ANSWER


@pytest.mark.parametrize(
    "packet",
    [
        ask("APP-alice.local"),
        ask("app-alice.local", "AAAA"),
        ask("app-alice.local", flags=0),
        ask("app-alice.local", edns=opt()),
        PACKET + b"\0",
        PACKET[:-1],
        b"",
    ],
)
def test_other_question(cache: Cache, packet: bytes) -> None:
    """Any other octet makes another question."""
    assert cache.find(packet) is None


def test_clear(cache: Cache) -> None:
    """A new zone starts without old answers."""
    cache.clear()
    assert cache.find(PACKET) is None
    assert len(cache) == 0


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (PACKET, replace(fresh(PACKET), lasting=False)),
        (PACKET + bytes(500), fresh(PACKET)),
        (PACKET, Answer(bytes(1233), Kind.ANSWER, lasting=True)),
    ],
)
def test_not_kept(packet: bytes, answer: Answer) -> None:
    """Answers of the moment, long questions and long answers are not kept."""
    cache = Cache()
    cache.keep(packet, answer)
    assert len(cache) == 0


def test_bounded() -> None:
    """Spelling a name in ever new ways does not fill the memory."""
    cache, answer = Cache(), fresh(PACKET)
    for number in range(10_000):
        cache.keep(PACKET + number.to_bytes(4, "big"), answer)
        assert len(cache) <= 4096
    assert cache.find(PACKET + (9_999).to_bytes(4, "big")) is not None
