"""The dashboard in a real browser: other routers of the network."""

from __future__ import annotations

import pytest
from tests.fakes import backend
from tests.wire.proxy.others import around
from tests.wire.proxy.own import Router

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, Locator, Page, expect
from tests.wire.proxy.browsing import Scheme, opened
from tests.wire.proxy.test_dashboard_looks import colour, contrast

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PLAIN = "<img src=x onerror=alert(1)>[2J"


def other(page: Page, title: str) -> Locator:
    """Return the card of another router."""
    heading = page.get_by_role("heading", level=3, name=title, exact=True)
    return page.locator("#peers article").filter(has=heading)


async def test_others_are_shown(browser: Browser) -> None:
    """Each router with its dashboard and projects, as links to them and to nobody else."""
    router = Router(peers=around())
    async with router.serving(), opened(browser, router) as page:
        await expect(page.get_by_role("heading", name="On the network")).to_be_visible()
        bob = other(page, "ocr-bob-den")
        await expect(bob.locator(".pill")).to_have_text("verified")
        await expect(bob.locator(".facts")).to_have_text(
            "of bob · version 0.1.0 · 192.0.2.7, 2001:db8::7"
        )
        await expect(bob.locator(".links > div").nth(2)).to_contain_text("shop/home/bob/shop")
        await expect(bob.get_by_text("peer add")).to_be_hidden()
        names = ("ocr-bob-den", "app-bob", "shop-bob", "wiki-1-bob", "wiki-2-bob")
        links = await bob.get_by_role("link").all()
        hrefs = [await link.get_attribute("href") for link in links]
        assert hrefs == [f"http://{name}.local:8080/" for name in names]
        assert {await link.get_attribute("rel") for link in links} == {"noreferrer"}
        await expect(other(page, "Projects of carol").get_by_role("link")).to_have_text(
            "http://old.local:8080/"
        )


async def test_who_is_not_verified(browser: Browser) -> None:
    """They are marked, with the command that accepts them, where there is a router to accept."""
    router = Router(peers=around())
    async with router.serving(), opened(browser, router) as page:
        mallory = other(page, "ocr-mallory-pc")
        await expect(mallory.locator(".pill")).to_have_text("unverified")
        await expect(mallory.locator("code")).to_have_text("ocr-router peer add ocr-mallory-pc")
        carol = other(page, "Projects of carol")
        await expect(carol.locator(".pill")).to_have_text("unverified")
        await expect(carol.get_by_text("peer add")).to_be_hidden()


async def test_hostile_announcements(browser: Browser) -> None:
    """Whatever is announced is text, and leads nowhere but to the host that announces it."""
    router = Router(peers=around())
    async with router.serving(), opened(browser, router) as page:
        bank = other(page, "ocr-mallory-pc").locator(".links > div").nth(1)
        await expect(bank.locator("dt")).to_have_text(PLAIN * 2)
        await expect(bank.get_by_role("link")).to_have_text("http://bank-mallory.local:8080/")
        assert await page.locator("img").count() == 0


async def test_nobody_there(browser: Browser) -> None:
    """Without others nothing is said of a network."""
    router = Router()
    router.registry.observe(backend("/srv/app", 30001))
    async with router.serving(), opened(browser, router) as page:
        async with page.expect_response("**/api/peers"):
            await page.evaluate("network()")
        await expect(page.get_by_text("On the network")).to_be_hidden()


async def test_they_come_and_go(browser: Browser) -> None:
    """Every ten seconds the page looks; who has not changed keeps the focus."""
    router = Router(peers=around())
    async with router.serving(), await browser.new_page() as page:
        await page.clock.install()
        await page.goto(router.url)
        await expect(page.locator("#peers article")).to_have_count(4)
        link = other(page, "ocr-bob-den").get_by_role("link").first
        await link.focus()
        router.peers = around()[:1]
        await page.clock.run_for(10_000)
        await expect(page.locator("#peers article")).to_have_count(1)
        await expect(link).to_be_focused()
        router.peers = ()
        await page.clock.run_for(10_000)
        await expect(page.locator("#network")).to_be_hidden()


async def test_a_login_is_not_for_others(browser: Browser) -> None:
    """Who logged in here is sent to other routers by the same links as everybody."""
    router = Router()
    async with router.serving(), opened(browser, router) as page:
        router.peers = around()
        await page.evaluate("session = true; network()")
        await expect(page.locator("#peers article")).to_have_count(4)
        links = await page.locator("#peers").get_by_role("link").all()
        hrefs = [await link.get_attribute("href") or "" for link in links]
        assert all(href.startswith("http://") and ".ocr" not in href for href in hrefs)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_looks(browser: Browser, scheme: Scheme) -> None:
    """At 360 pixels nothing sticks out, all can be tapped, and all texts can be read."""
    router = Router(peers=around())
    async with router.serving(), opened(browser, router, width=360, scheme=scheme) as page:
        await expect(page.locator("#peers article")).to_have_count(4)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        buttons = await page.locator("#peers").get_by_role("button").all()
        boxes = [await button.bounding_box() for button in buttons if await button.is_visible()]
        assert all(box and box["height"] >= 40 and box["x"] + box["width"] <= 360 for box in boxes)
        below = await colour(page, "#peers article", "background-color")
        for text in ("h3", ".facts", "dt", ".path", "dd a", ".copy"):
            assert contrast(await colour(page, f"#peers {text}", "color"), below) >= 4.5, text
        for part in (".verified .pill", ".unverified .pill", ".accept", ".accept code"):
            front = await colour(page, f"#peers {part}", "color")
            ground = part.replace(" code", "")
            behind = await colour(page, f"#peers {ground}", "background-color")
            assert contrast(front, behind) >= 4.5, part
