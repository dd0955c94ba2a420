"""The dashboard as a reader has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from playwright.async_api import Browser, Locator, Page, ViewportSize, expect
from tests.wire.proxy.own import Router

Scheme = Literal["light", "dark"]
EXPECTED = "Failed to load resource"  # where a test lets an answer fail
expect.set_options(timeout=20_000)  # milliseconds, for a slow machine


@asynccontextmanager
async def opened(
    browser: Browser,
    router: Router,
    *,
    width: int = 1000,
    scheme: Scheme = "light",
    host: str = "localhost",
) -> AsyncIterator[Page]:
    """Open the dashboard; a violation of its policy or an error in it fails the test."""
    size = ViewportSize(width=width, height=740)
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    page, trouble = await context.new_page(), list[str]()
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    await page.goto(f"http://{host}:{router.port}/")
    await expect(page.get_by_role("status")).to_have_text("Live")
    yield page
    await context.close()
    assert [text for text in trouble if not text.startswith(EXPECTED)] == []


def card(page: Page, slug: str) -> Locator:
    """Return a project's card."""
    return page.locator(f"article[data-slug='{slug}']")
