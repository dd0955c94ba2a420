"""Blocking calls beside the event loop, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from opencoderouter.doctor.facts import Facts
    from opencoderouter.doctor.finding import Finding, Run

T = TypeVar("T")
P = ParamSpec("P")


def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Call it in a thread of its own; the future gets what it returns or raises.

    Threads of an executor are waited for when the program ends: one that hangs (a file system, a
    resolver) would keep it from ending.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not future.done():
            act()

    def work() -> None:
        try:
            value = call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            _tell(loop, settle, partial(future.set_exception, error))
        else:
            _tell(loop, settle, partial(future.set_result, value))

    threading.Thread(target=work, name=getattr(call, "__name__", "call"), daemon=True).start()
    return future


def _tell(
    loop: asyncio.AbstractEventLoop,
    settle: Callable[[Callable[[], None]], None],
    act: Callable[[], None],
) -> None:
    with suppress(RuntimeError):  # the loop has ended meanwhile: nobody wants to know
        loop.call_soon_threadsafe(settle, act)


def threaded(look: Callable[[Facts], Iterable[Finding]]) -> Run:
    """Make a blocking function the ``run`` of a check."""

    async def run(facts: Facts) -> Iterable[Finding]:
        return await in_thread(look, facts)

    return run
