"""A browser for the pages of the router."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest_asyncio

if TYPE_CHECKING:
    from playwright.async_api import Browser

FLAGS = """--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()
FAR = "--host-resolver-rules=MAP devbox 127.0.0.1"  # a name that is no secure context


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        yield await playwright.chromium.launch(executable_path=program, args=[*FLAGS, FAR])
