"""Tickets: good once, soon, and for those they were made for."""

from __future__ import annotations

import re

import pytest

from opencoderouter.access.tickets import LIFE, MOST, Tickets
from opencoderouter.core.grant import Grant

GRANT = Grant("password", epoch="e", session="s", expires=7.0)
FOR = ("192.0.2.1", "shop-ada.local")


class Clock:
    """Stands still."""

    now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock to set."""
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    """Return tickets that live by it."""
    return Tickets(clock)


def test_good_once(tickets: Tickets) -> None:
    """A ticket is exchanged for just what it was issued for, the first time."""
    ticket = tickets.issue(GRANT, *FOR)
    assert tickets.redeem(ticket, *FOR) == GRANT
    assert tickets.redeem(ticket, *FOR) is None


@pytest.mark.parametrize("where", [("192.0.2.2", FOR[1]), (FOR[0], "web-ada.local"), ("", "")])
def test_good_for_one(tickets: Tickets, where: tuple[str, str]) -> None:
    """Elsewhere, and for others, it is no good; then it is spent."""
    ticket = tickets.issue(GRANT, *FOR)
    assert tickets.redeem(ticket, *where) is None
    assert tickets.redeem(ticket, *FOR) is None


def test_good_soon(tickets: Tickets, clock: Clock) -> None:
    """It lives for half a minute."""
    first, second = tickets.issue(GRANT, *FOR), tickets.issue(GRANT, *FOR)
    clock.now += LIFE - 0.1
    assert tickets.redeem(first, *FOR) == GRANT
    clock.now += 0.1
    assert tickets.redeem(second, *FOR) is None


@pytest.mark.parametrize("ticket", ["", "x", "\udcff"])
def test_others(tickets: Tickets, ticket: str) -> None:
    """What was never issued is no ticket."""
    tickets.issue(GRANT, *FOR)
    assert tickets.redeem(ticket, *FOR) is None


def test_cannot_be_guessed(tickets: Tickets) -> None:
    """A ticket has 128 bits at least, no two are the same, and a URL takes it as it is."""
    some = {tickets.issue(GRANT, *FOR) for _ in range(100)}
    assert len(some) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", ticket) for ticket in some)


def test_bounded(tickets: Tickets) -> None:
    """Of very many the newest are good."""
    first, second = tickets.issue(GRANT, *FOR), tickets.issue(GRANT, *FOR)
    rest = [tickets.issue(GRANT, *FOR) for _ in range(MOST - 1)]
    assert tickets.redeem(first, *FOR) is None
    assert tickets.redeem(second, *FOR) == GRANT
    assert all(tickets.redeem(ticket, *FOR) for ticket in rest)


def test_late_ones_are_forgotten(tickets: Tickets, clock: Clock) -> None:
    """Tickets that nobody shows do not push out others."""
    for _ in range(MOST):
        tickets.issue(GRANT, *FOR)
    clock.now += LIFE
    good = [tickets.issue(GRANT, *FOR) for _ in range(MOST)]
    assert all(tickets.redeem(ticket, *FOR) for ticket in good)
