"""Tests of how the router is asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from opencoderouter.doctor.facts import Answer, Answered, Router


async def test_each_path_is_asked_once() -> None:
    """However many checks want to know: one question for each path."""
    asked: list[str] = []

    def ask(path: str) -> Answer:
        asked.append(path)
        return Answered(path)

    router = Router(ask)
    said = list(await asyncio.gather(*map(router.get, ("/a", "/b", "/a"))))
    assert said == [Answered("/a"), Answered("/b"), Answered("/a")]
    assert sorted(asked) == ["/a", "/b"]


async def test_a_check_that_is_cut_takes_nothing_from_the_others() -> None:
    """Who waits for the same answer still gets it."""
    go = threading.Event()

    def ask(_: str) -> Answer:
        assert go.wait(30)
        return Answered(1)

    router = Router(ask)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await router.get("/a")
    go.set()
    assert await router.get("/a") == Answered(1)
