"""The event loop: uvloop or the standard one, with the same outcome."""

from __future__ import annotations

import asyncio
import sys

import pytest

from opencoderouter.wiring.loop import run

LOOPS = ["asyncio", "uvloop"]


async def _main() -> int:
    assert await asyncio.to_thread(lambda: 3) == 3
    return LOOPS.index(type(asyncio.get_running_loop()).__module__.partition(".")[0])


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The faster one is taken where it is installed, else asyncio's; the result is handed on."""
    if name == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")
    assert run(_main()) == LOOPS.index(name)
