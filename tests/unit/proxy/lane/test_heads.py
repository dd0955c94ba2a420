"""The heads of one answer, as their bytes come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import OPEN, backend

from opencoderouter.core.grant import Caller
from opencoderouter.core.hosts import Names
from opencoderouter.proxy.lane.heads import MOST, SIZE, Heads
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.prepared import Prepared, View, prepare
from opencoderouter.registry import Registry

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
SWITCH = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
UPGRADE = ("Connection: Upgrade", "Upgrade: x")


def asked(*fields: str, version: str = "1.1") -> Prepared:
    """Return a request to a project in path mode."""
    registry = Registry()
    registry.observe(backend("/home/alice/alpha", 4001))
    lines = [f"GET /alpha/ HTTP/{version}", "Host: localhost", *fields, "", ""]
    names = Names("alice", frozenset())
    made = prepare(
        "\r\n".join(lines).encode(), Caller("::1"), View(registry.table, names, Limits(), OPEN), 0.0
    )
    assert isinstance(made, Prepared)
    return made


def heads(*fields: str, version: str = "1.1") -> Heads:
    """Return what reads the answer to a request."""
    return Heads(asked(*fields, version=version), "127.0.0.1:4001")


def test_one_head() -> None:
    """What lies behind the final head is left; its bytes are kept."""
    found = heads()
    assert found.feed(FINAL + b"body") == b"body"
    assert found.final is not None
    assert (found.final[0], found.final[1].status) == (FINAL, 200)
    assert found.interim() == []


@given(st.lists(st.integers(min_value=0, max_value=200)), st.integers(0, 3), st.binary(max_size=9))
def test_any_cut(places: list[int], early: int, body: bytes) -> None:
    """Interim heads and the final one are found however they come, each once."""
    data = EARLY * early + FINAL + body
    at = sorted({0, len(data), *(place % len(data) for place in places)})
    found, told, behind = heads(), [], b""
    for begin, end in pairwise(at):
        if found.final is None:
            behind = found.feed(data[begin:end]) or b""
            told += found.interim()
        else:
            behind += data[begin:end]
    assert (told, behind) == ([EARLY] * early, body)
    assert found.final is not None
    assert found.final[1].status == 200


def test_old_clients_hear_no_interim_answers() -> None:
    """HTTP/1.0 knows none."""
    found = heads(version="1.0")
    assert found.feed(EARLY + FINAL) == b""
    assert found.interim() == []
    assert found.final is not None


def test_in_path_mode() -> None:
    """What leads to the backend leads to the prefix."""
    found = heads()
    found.feed(b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:4001/x\r\nContent-Length: 0\r\n\r\n")
    assert found.final is not None
    assert b"\r\nLocation: /alpha/x\r\n" in found.final[1].keep


def test_switch() -> None:
    """A switch is final where it was asked for, and nonsense where not."""
    found = heads(*UPGRADE)
    assert found.feed(EARLY + SWITCH + b"frames") == b"frames"
    assert found.interim() == [EARLY]
    assert found.final is not None
    assert found.final[1].switches
    assert heads().feed(SWITCH) is None


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"\r\n\r\n", EARLY + b"\0\r\n\r\n"])
def test_nonsense(data: bytes) -> None:
    """What is no head is not waited for."""
    assert heads().feed(data) is None


def test_only_so_many() -> None:
    """A backend that never comes to its final answer is given up."""
    found = heads()
    assert found.feed(EARLY * (MOST - 1) + FINAL) == b""
    assert len(found.interim()) == MOST - 1
    assert heads().feed(EARLY * MOST + FINAL) is None


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_only_so_long(end: bytes) -> None:
    """A head is bounded, whole or not; several together may be longer."""
    start = b"HTTP/1.1 200 X\r\nA: "
    found = heads()
    assert found.feed(start + b"a" * (SIZE - len(start) - len(end)) + end) == b""
    assert heads().feed(start + b"a" * (SIZE + 1 - len(start) - len(end)) + end) is None
    long = b"HTTP/1.1 103 X\r\nA: " + b"a" * (SIZE // 2) + b"\r\n\r\n"
    assert heads().feed(long * 4 + FINAL) == b""
