"""A browser for the pages of the router, and a log that is looked at."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from tests.rig import workers

if TYPE_CHECKING:
    from playwright.async_api import Browser

FLAGS = """--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()
# Names that are no secure context: the router's, its projects', and somebody else's.
_NAMES = ("devbox", "*.local", "evil.test")
FAR = "--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1" for name in _NAMES)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the router have no workers: the test looks into its process, or changes something."""
    monkeypatch.setattr(workers, "count", 1)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing in the test is worth an error in the log, nor a lost task or future."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR] == []


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        yield await playwright.chromium.launch(executable_path=program, args=[*FLAGS, FAR])
