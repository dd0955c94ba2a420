"""The dashboard in a real browser: that everybody can read and reach it."""

from __future__ import annotations

import re

import pytest
from tests.fakes import backend
from tests.wire.proxy.own import Router, managing

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Status

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, Page, expect
from tests.wire.proxy.browsing import Scheme, opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

APP = backend("/srv/app", 30001)
MINE = Managed("/srv/mine", Status.FAILED, reason="exit code 1")
HOSTILE = [
    "/srv/<img src=x onerror=alert(1)>",
    "/srv/\u202egnp.exe",
    "/srv/مشروع",
    "/srv/" + "long" * 50,
    "/srv/a\udcffb",
]


async def test_hostile_names(browser: Browser) -> None:
    """Whatever a folder is called, it is text, and cannot turn or hide the text around it."""
    router = Router()
    for port, directory in enumerate(HOSTILE, start=1):
        router.registry.observe(backend(directory, port))
    async with router.serving(), opened(browser, router) as page:
        names = await page.get_by_role("heading", level=2).all_text_contents()
        assert sorted(names) == sorted(
            ["<img src=x onerror=alert(1)>", "\ufffdgnp.exe", "مشروع", "long" * 50, "a\ufffdb"]
        )
        assert await page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_narrow(browser: Browser, scheme: Scheme) -> None:
    """At 360 pixels nothing sticks out, whatever the names, and everything can be tapped."""
    router = managing(MINE)
    for port, directory in enumerate([*HOSTILE, "/srv/app", "/srv/web"], start=1):
        router.registry.observe(backend(directory, port))
    async with router.serving(), opened(browser, router, width=360, scheme=scheme) as page:
        await expect(page.get_by_role("article")).to_have_count(8)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        boxes = [await button.bounding_box() for button in await page.get_by_role("button").all()]
        assert all(box and box["height"] >= 40 and box["x"] + box["width"] <= 360 for box in boxes)


async def test_keyboard(browser: Browser) -> None:
    """Everything is reached in the order it is read, each with a name and a visible focus."""
    router = managing(MINE)
    async with router.serving(), opened(browser, router) as page:
        await expect(page.get_by_role("article")).to_have_count(1)
        seen = []
        for _ in range(10):
            await page.keyboard.press("Tab")
            focused = page.locator(":focus")
            label = await focused.get_attribute("aria-label")
            seen.append(label or await focused.inner_text())
            assert await focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        assert seen == [
            *("API", "API reference", "Start", "Stop"),
            *(f"http://mine.localhost:{router.port}/", "Copy host address of mine"),
            *(f"http://localhost:{router.port}/mine/", "Copy path address of mine"),
            *("Copy attach command of mine", "Last output"),
        ]


async def test_dark(browser: Browser) -> None:
    """Both colour schemes are there, and text is readable in both (WCAG 1.4.3)."""
    router = managing(MINE)
    router.registry.observe(APP)
    grounds = []
    async with router.serving():
        schemes: list[Scheme] = ["light", "dark"]
        for scheme in schemes:
            async with opened(browser, router, scheme=scheme) as page:
                await expect(page.get_by_role("article")).to_have_count(2)
                grounds.append(await colour(page, "body", "background-color"))
                below = await colour(page, "article", "background-color")
                for text in (".path", ".facts", "h2", "dt", "dd a", ".copy", "summary"):
                    assert contrast(await colour(page, text, "color"), below) >= 4.5, text
                for pill in (".ready .pill", ".failed .pill", ".failed .reason"):
                    front = await colour(page, pill, "color")
                    assert contrast(front, await colour(page, pill, "background-color")) >= 4.5
    assert grounds[0] > (200, 200, 200) > (50, 50, 50) > grounds[1]


async def colour(page: Page, selector: str, what: str) -> tuple[int, ...]:
    """Return red, green and blue of the first element."""
    script = "(e, what) => getComputedStyle(e).getPropertyValue(what)"
    text = await page.locator(selector).first.evaluate(script, what)
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the contrast ratio of WCAG 2.2."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: tuple[int, ...]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
