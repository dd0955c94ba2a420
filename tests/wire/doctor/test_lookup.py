"""Names are looked up in bounded time, side by side."""

from __future__ import annotations

import socket
import threading

import pytest

from opencoderouter.doctor.lookup import Looked, Question, look_up, look_up_all


def test_a_name_of_this_machine() -> None:
    """Addresses are numeric, each once; the family is the one that was asked for."""
    found = look_up(Question("localhost"), 5)
    assert found.addresses
    assert set(found.addresses) <= {"127.0.0.1", "::1"}
    assert len(set(found.addresses)) == len(found.addresses)
    four = look_up(Question("127.0.0.1", socket.AF_INET6), 5)
    assert four.addresses == ()
    assert four.reason


def test_what_is_no_name() -> None:
    """A name that cannot be asked for has a reason."""
    found = look_up(Question("a" * 70 + ".invalid"), 5)
    assert (found.addresses, found.late) == ((), False)
    assert found.reason


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer is late; the others are answered, in the order of the questions."""
    hold = threading.Event()

    def hang(host: str, *_: object) -> list[tuple[object, ...]]:
        if host == "hangs":
            hold.wait(60)
        return [(2, 1, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        late, good = look_up_all((Question("hangs"), Question("good")), 0.2)
    finally:
        hold.set()
    assert (late.late, late.addresses, late.reason) == (True, (), "no answer in 0.2 s")
    assert good == Looked(Question("good"), ("192.0.2.1",), seconds=good.seconds)
