"""Whatever comes: nothing raises, answers are no larger than the rules allow, and can be read."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.mutants import SEEDS, packets, walk
from tests.rig.questions import ZONE, ask, read

from opencoderouter.announce.dns.answer import (
    Answer,
    Bridge,
    Decision,
    Drop,
    Forward,
    Refuse,
    Rules,
    bridged,
    cut,
    decide,
    failure,
    refusal,
)
from opencoderouter.announce.dns.query import Query, parse
from opencoderouter.announce.dns.records import Silence
from opencoderouter.announce.dns.zone import Zone, zone
from opencoderouter.core.announcement import Announcement, Service

ALL = Rules(bridge=True, forward=True)
CROWD = zone(
    Announcement(
        frozenset(
            Service("_opencode._tcp", f"p{n}-alice", 1, (("k", "v" * 200),)) for n in range(60)
        ),
        tuple(f"10.0.0.{n}" for n in range(60)),
    ),
    1,
    domain="dev.example.test",
    claims_local=True,
)


def allowed(packet: bytes) -> int:
    """Return how many octets a packet may be answered with over UDP."""
    query = parse(packet)
    return query.room if isinstance(query, Query) else 12


def judge(packet: bytes, decision: Decision, most: int) -> None:
    """Check what is sent because of a packet, if it is a question."""
    if isinstance(decision, Bridge):
        decision = bridged(decision, Silence.NOBODY, ZONE, ALL)
    if isinstance(decision, Forward):
        wire = failure(decision.query)
        assert len(wire) <= len(packet)
    elif isinstance(decision, Drop):
        assert len(packet) < 12 or packet[2] & 0x80
        return
    else:
        wire = decision.wire
        assert len(wire) <= (len(packet) if isinstance(decision, Refuse) else most)
    assert wire[:2] == packet[:2]
    walk(wire)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", [ZONE, CROWD], ids=["few", "many"])
def test_mutants(which: Zone) -> None:
    """50,000 packets, random and damaged ones, over UDP and TCP, for two zones."""
    seen: Counter[type[Decision]] = Counter()
    for number, packet in enumerate(packets(50_000)):
        tcp = number % 4 == 0
        decision = decide(packet, which, ALL, tcp=tcp)
        judge(packet, decision, 0xFFFF if tcp else allowed(packet))
        seen[type(decision)] += 1
    assert min(seen[kind] for kind in (Answer, Refuse, Bridge, Forward, Drop)) > 500, seen


def test_mutants_that_may_not_ask() -> None:
    """Whoever may not ask, or asks too much, never gets more octets than it sent."""
    for packet in packets(5_000, seed=7):
        for short in (refusal(packet), cut(packet)):
            if short is not None:
                assert len(short) <= len(packet)
                assert walk(short) <= 1


@given(st.binary(max_size=600))
def test_anything(packet: bytes) -> None:
    """Nothing that hypothesis finds raises."""
    judge(packet, decide(packet, ZONE, ALL, tcp=False), allowed(packet))


@given(st.sampled_from(SEEDS), st.data())
def test_behind_a_question(seed: bytes, data: st.DataObject) -> None:
    """Nothing that stands behind a question, or in its place, raises."""
    at = data.draw(st.integers(0, len(seed)))
    packet = seed[:at] + data.draw(st.binary(max_size=80)) + seed[at:]
    judge(packet, decide(packet, CROWD, ALL, tcp=False), allowed(packet))


@pytest.mark.parametrize("packet", SEEDS[:: 7 * 3])
def test_others_can_read(packet: bytes) -> None:
    """dnslib, too, can read what is answered."""
    decision = decide(packet, ZONE, ALL, tcp=False)
    if isinstance(decision, Answer | Refuse):
        assert read(decision.wire).header.id == 0x1234


def test_pointers_without_end() -> None:
    """A long chain of pointers over TCP is no more work than a short one."""
    chain = b"".join((0xC000 | 12 + 2 * n).to_bytes(2, "big") for n in range(8000))
    packet = ask("a").replace(b"\1a\0", chain)
    decision = decide(packet, ZONE, ALL, tcp=True)
    assert isinstance(decision, Answer)
    assert len(decision.wire) == 12
