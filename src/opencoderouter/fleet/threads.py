"""A bounded number of threads for calls that block, each of which can be broken off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_ENDERS = 4  # threads for what ends others, which are never kept waiting by those


def _nothing() -> None:
    pass


class Threads:
    """Runs blocking calls. What cannot be broken off must end by itself, soon."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._enders = ThreadPoolExecutor(_ENDERS, thread_name_prefix=f"{name}-end")

    async def call(self, work: Callable[[], T], abort: Callable[[], object] = _nothing) -> T:
        """Return what ``work`` returns. When this is cancelled, ``abort`` makes it end.

        ``abort`` is called in another thread, and only while ``work`` may run.
        """
        future = self._pool.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancel() and not future.done():
                self.post(abort)
            raise

    async def make(
        self, work: Callable[[], T], discard: Callable[[T], object], abort: Callable[[], object]
    ) -> T:
        """Do as ``call``; what ``work`` makes after this was cancelled is discarded."""
        lock, over, made = threading.Lock(), False, list[T]()

        def run() -> T:
            one = work()
            with lock:
                made.append(one)
                late = over
            if late:
                discard(one)
            return one

        try:
            return await self.call(run, abort)
        except asyncio.CancelledError:
            with lock:
                over = True
                lost = made.copy()
            for one in lost:
                self.post(lambda one=one: discard(one))  # type: ignore[misc]
            raise

    def post(self, work: Callable[[], object]) -> None:
        """Run ``work`` some time soon; nobody waits for it."""
        self._enders.submit(work)

    def end(self) -> None:
        """Let what runs come to its end, and take nothing more. Waits for what was posted."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._enders.shutdown(wait=True)
