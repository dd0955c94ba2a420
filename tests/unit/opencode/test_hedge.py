"""Hedged questions: who asks when, whose answer counts, and that nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from opencoderouter.opencode.hedge import hedged


class Oracle:
    """Answers the ``n``-th question with its number; ``hangs`` of them never."""

    def __init__(self, hangs: int) -> None:
        self.hangs, self.asked, self.cancelled = hangs, 0, 0

    async def ask(self) -> int:
        """Answer, or hang until cancelled."""
        self.asked += 1
        number = self.asked
        if number > self.hangs:
            return number
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
        raise AssertionError


async def test_first_answer() -> None:
    """Who answers at once is asked once."""
    oracle = Oracle(hangs=0)
    assert await hedged(oracle.ask, every=60, most=5) == 1
    assert oracle.asked == 1


async def test_asks_again_while_one_hangs() -> None:
    """The fourth question is answered while three hang; those are over then."""
    oracle = Oracle(hangs=3)
    assert await hedged(oracle.ask, every=0, most=5) == 4
    assert (oracle.asked, oracle.cancelled) == (4, 3)


async def test_bounded() -> None:
    """No more than so many are asked, however long it takes; giving up ends them all."""
    oracle = Oracle(hangs=9)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await hedged(oracle.ask, every=0, most=5)
    assert (oracle.asked, oracle.cancelled) == (5, 5)
