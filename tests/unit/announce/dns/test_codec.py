"""Answers as octets: what is in them, how they are shortened, and that others can read them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.questions import ask, labels, opt, read, shown

from opencoderouter.announce.dns.codec import (
    LARGEST,
    Reply,
    encodable,
    encode,
    header_only,
)
from opencoderouter.announce.dns.query import BADVERS, NXDOMAIN, Broken, Query, parse
from opencoderouter.announce.dns.records import (
    PTR,
    SRV,
    TXT,
    A,
    Authority,
    Data,
    Name,
    Record,
    Service,
    name,
)

HOST = name("app.local")


def query(*, edns: bytes = b"", of: str = "app.local", flags: int = 0x0100) -> Query:
    """Return a question."""
    parsed = parse(ask(of, edns=edns, flags=flags))
    assert isinstance(parsed, Query)
    return parsed


def address(number: int, owner: Name = HOST) -> Record:
    """Return one of many addresses."""
    return Record(owner, A, 10, bytes([10, 0, number >> 8, number & 255]))


def test_header() -> None:
    """Nothing but id, kind of question and RD is given back of a packet that is no question."""
    wire = header_only(Broken(0x1234, 0x7FF0, 1))
    assert wire == bytes.fromhex("1234 f911 0000 0000 0000 0000")
    assert header_only(Broken(1, 0, 4)) == bytes.fromhex("0001 8004 0000 0000 0000 0000")


@pytest.mark.parametrize(
    ("reply", "flags"),
    [
        (Reply(), 0x8100),
        (Reply(authoritative=True), 0x8500),
        (Reply(recursion=True), 0x8180),
        (Reply(cut=True), 0x8300),
        (Reply(NXDOMAIN, authoritative=True), 0x8503),
    ],
)
def test_flags(reply: Reply, flags: int) -> None:
    """RD is copied; the others are ours to set."""
    wire = encode(query(), reply, room=512)
    assert int.from_bytes(wire[2:4], "big") == flags


def test_question_is_kept() -> None:
    """The question comes back octet by octet, and owners are spelled as it was asked."""
    asked = ask("aPp.LoCaL")
    parsed = parse(asked)
    assert isinstance(parsed, Query)
    wire = encode(parsed, Reply(answers=[address(1)]), room=512)
    assert wire[12 : len(asked)] == asked[12:]
    assert shown(read(wire).rr) == ["aPp.LoCaL. 1 10.0.0.1"]


def test_pointers() -> None:
    """A name that was there is a pointer to it."""
    wire = encode(query(), Reply(answers=[address(1)]), room=512)
    assert wire[12 + len(labels("app.local")) + 4 :] == bytes.fromhex(
        "c00c 0001 0001 0000000a 0004 0a000001"
    )


def test_service_is_not_compressed() -> None:
    """The target of SRV is written out (RFC 2782)."""
    service = Record(HOST, SRV, 10, Service(8080, HOST))
    wire = encode(query(), Reply(answers=[service]), room=512)
    assert wire.endswith(b"\x1f\x90" + labels("app.local"))


def test_opt() -> None:
    """OPT is in the answer if it was in the question, with DO as it was, and no option."""
    plain = encode(query(), Reply(), room=512)
    assert not read(plain).ar
    assert encode(query(edns=opt(4096)), Reply(), room=512) == plain[:10] + b"\0\1" + plain[
        12:
    ] + opt(1232)
    secure = encode(query(edns=opt(flags=0xFFFF)), Reply(), room=512)
    assert secure.endswith(opt(1232, flags=0x8000))


def test_large_code() -> None:
    """A code of more than four bits has the upper ones in OPT."""
    wire = encode(query(edns=opt()), Reply(BADVERS), room=512)
    assert wire[3] & 15 == 0
    assert wire[-11:] == bytes.fromhex("00 0029 04d0 01 00 0000 0000")


@pytest.mark.parametrize("edns", [b"", opt(1232)])
def test_too_many(edns: bytes) -> None:
    """What does not fit is cut between records, with TC; nothing goes beyond the room."""
    many = [address(number) for number in range(200)]
    for room in (512, 700, 1232):
        wire = encode(query(edns=edns), Reply(answers=many), room=room)
        assert room - 16 < len(wire) <= room
        answer = read(wire)
        assert answer.header.tc
        assert shown(answer.rr) == [f"app.local. 1 10.0.0.{n}" for n in range(len(answer.rr))]


def test_just_fits() -> None:
    """An answer that has just the octets there are is not cut."""
    many = [address(number) for number in range(10)]
    whole = encode(query(), Reply(answers=many), room=LARGEST)
    assert encode(query(), Reply(answers=many), room=len(whole)) == whole
    assert read(encode(query(), Reply(answers=many), room=len(whole) - 1)).header.tc


def test_others_are_left_out() -> None:
    """Records that only help are left out, without TC (RFC 2181 section 9)."""
    others = [address(number, name(f"other-{number}.local")) for number in range(100)]
    wire = encode(query(), Reply(answers=[address(1)], others=others), room=512)
    answer = read(wire)
    assert not answer.header.tc
    assert len(answer.rr) == 1
    assert 5 < len(answer.ar) < 100


def test_names_after_a_cut() -> None:
    """A name that was taken back is not pointed to."""
    long = Record(name("x" * 60 + ".local"), TXT, 1, b"\xff" + b"t" * 255)
    short = Record(name("y." + "x" * 60 + ".local"), A, 1, bytes(4))
    answers = [address(number) for number in range(14)]
    reply = Reply(answers=[*answers, long], authorities=[short])
    answer = read(encode(query(), reply, room=512))
    assert [str(one.rname) for one in answer.auth] == ["y." + "x" * 60 + ".local."]


def test_far_names() -> None:
    """Names beyond what a pointer reaches are written out: all can be read again."""
    instances = [name(f"instance-{number}._opencode._tcp.local") for number in range(900)]
    answers = [Record(name("_opencode._tcp.local"), PTR, 10, one) for one in instances]
    others = [Record(one, SRV, 10, Service(1, one[1:])) for one in instances]
    wire = encode(query(), Reply(answers=answers, others=others), room=LARGEST)
    assert len(wire) > 0x4000
    answer = read(wire)
    assert [str(one.rdata) for one in answer.rr] == [
        b".".join(one).decode() + "." for one in instances
    ]
    assert [str(one.rname) for one in answer.ar] == [
        b".".join(one).decode() + "." for one in instances
    ][: len(answer.ar)]


NAMES = st.lists(st.binary(min_size=1, max_size=20).filter(bytes.isascii), max_size=5).map(tuple)
DATA: dict[int, st.SearchStrategy[Data]] = {
    A: st.binary(min_size=4, max_size=4),
    PTR: NAMES,
    SRV: st.builds(Service, st.integers(0, 65535), NAMES),
    6: st.builds(Authority, NAMES, NAMES, *[st.integers(0, (1 << 32) - 1)] * 5),
    65280: st.binary(min_size=1, max_size=300),
}
RECORDS = st.sampled_from(sorted(DATA)).flatmap(
    lambda kind: st.builds(Record, NAMES, st.just(kind), st.integers(0, 1 << 31), DATA[kind])
)


@given(st.lists(RECORDS, max_size=12), st.lists(RECORDS, max_size=4), st.integers(512, 4096))
def test_any(answers: list[Record], others: list[Record], room: int) -> None:
    """Whatever the records are: it fits, others can read it, and owners are what they were."""
    assert all(map(encodable, answers + others))
    wire = encode(query(), Reply(answers=answers, others=others), room=room)
    assert len(wire) <= room
    answer = read(wire)
    owners = [tuple(label.lower() for label in one.rname.label) for one in answer.rr]
    assert owners == [tuple(label.lower() for label in one.name) for one in answers][: len(owners)]
    assert answer.header.tc == (len(owners) < len(answers))


@pytest.mark.parametrize(
    ("record", "can"),
    [
        (Record(HOST, A, 1, bytes(4)), True),
        (Record((b"a" * 64,), A, 1, bytes(4)), False),
        (Record((b"",), A, 1, bytes(4)), False),
        (Record(HOST, TXT, 1, bytes(65536)), False),
        (Record(HOST, PTR, 1, (b"a" * 63,) * 4), False),
        (Record(HOST, SRV, 1, Service(1, (b"a" * 64,))), False),
        (Record(HOST, 6, 1, Authority((), (b"",), 1, 1, 1, 1, 1)), False),
    ],
)
def test_encodable(record: Record, can: bool) -> None:  # noqa: FBT001 - a table
    """Records of others are written only if they can be."""
    assert encodable(record) is can


def test_names_are_shared() -> None:
    """Of names with a common end the end is written once."""
    others = [address(1, name(f"{word}.app.local")) for word in ("a", "b", "c", "d")]
    lengths = [len(encode(query(), Reply(others=others[:n]), room=512)) for n in range(5)]
    assert {after - before for before, after in pairwise(lengths)} == {2 + 2 + 10 + 4}
