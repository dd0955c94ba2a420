"""What is read when the selection rests."""

from __future__ import annotations

import asyncio

from tests.rig.stage import Stage, stage

from opencoderouter.core.fleet.control import Detail, Failed
from opencoderouter.core.fleet.model import Session, SessionRef
from opencoderouter.tui.details import Details

ONE, TWO = SessionRef("a", "1", "/p"), SessionRef("a", "2", "/p")


async def read(seen: Stage, number: int) -> None:
    """Wait until so many sessions were read."""
    async with asyncio.timeout(20):
        while len(seen.control.calls) < number:
            await seen.pilot.pause(0.02)
    await seen.settle()


async def test_only_where_it_rests() -> None:
    """What was passed by is not read; what was read is not read again until something happens."""
    async with stage() as seen:
        changed: list[bool] = []
        details = Details(seen.main, lambda: changed.append(True))
        old = Session("2", updated=1)
        details.want(seen.control, ONE, Session("1"))
        details.want(seen.control, TWO, old)
        await read(seen, 1)
        assert seen.control.calls == [("detail", TWO)]
        assert (details.of(TWO), details.of(ONE), changed) == (Detail(), None, [True])
        details.want(seen.control, TWO, old)
        details.want(seen.control, TWO, Session("2", updated=2))
        await read(seen, 2)
        assert seen.control.calls == [("detail", TWO)] * 2


async def test_answer_that_comes_late() -> None:
    """What comes when something else is selected is kept, and drawn by nobody."""
    async with stage() as seen:
        changed: list[bool] = []
        details = Details(seen.main, lambda: changed.append(True))
        seen.control.held = asyncio.Event()
        details.want(seen.control, ONE, Session("1"))
        await read(seen, 1)
        details.want(seen.control, None, None)
        seen.control.held.set()
        await seen.settle()
        assert (details.of(ONE), changed) == (Detail(), [])


async def test_fleet_that_changes_all_the_time() -> None:
    """What rests is read, however often the rest of the fleet is drawn meanwhile."""
    async with stage() as seen:
        details = Details(seen.main, lambda: None)
        async with asyncio.timeout(20):
            while not seen.control.calls:
                details.want(seen.control, ONE, Session("1", updated=1))
                await asyncio.sleep(0.01)
        details.want(seen.control, ONE, Session("1", updated=1))
        await seen.settle()
        assert seen.control.calls == [("detail", ONE)]


async def test_what_failed_is_read_again() -> None:
    """After a while, as long as the selection rests there, until it has been read."""
    async with stage() as seen:
        changed: list[bool] = []
        details = Details(seen.main, lambda: changed.append(True), again=0.01)
        seen.control.answers["detail"] = Failed("Slow")
        details.want(seen.control, ONE, Session("1"))
        await read(seen, 2)
        assert details.of(ONE) == Failed("Slow")
        del seen.control.answers["detail"]
        number = len(seen.control.calls)
        await read(seen, number + 1)
        assert details.of(ONE) == Detail()
        number = len(seen.control.calls)
        details.want(seen.control, ONE, Session("1"))
        details.retry(seen.control)
        await seen.settle()
        assert len(seen.control.calls) == number


async def test_retry() -> None:
    """What failed is read at once when a person wants all to be asked again."""
    async with stage() as seen:
        seen.control.answers["detail"] = Failed("Slow")
        seen.main.details.want(seen.control, ONE, Session("1"))
        await read(seen, 1)
        await seen.main.run_action("refresh")
        await read(seen, 2)
        assert set(seen.control.calls) == {("detail", ONE)}
