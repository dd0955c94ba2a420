"""The dashboard in a real browser: the SSH hosts that the router watches."""

from __future__ import annotations

import pytest
from tests.wire.proxy.hosts import HOSTILE, watching
from tests.wire.proxy.own import Router

from opencoderouter.core.fleet.watched import Watching

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, Locator, Page, expect
from tests.wire.proxy.browsing import Scheme, opened
from tests.wire.proxy.test_dashboard_looks import colour, contrast

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_hosts_are_shown(browser: Browser) -> None:
    """A line for each host: name, group, state, why, and what its sessions do."""
    router = Router(fleet=watching())
    async with router.serving(), opened(browser, router) as page:
        await expect(page.get_by_role("heading", name="SSH hosts")).to_be_visible()
        await expect(page.locator("#watcher")).to_contain_text("5 hosts")
        await expect(page.locator("#hosts tr")).to_have_count(5)
        cells = [await row.locator("td").all_inner_texts() for row in await rows(page)]
        plain = [[" ".join(cell.split()) for cell in row] for row in cells]
        assert plain[0] == ["Web", "production", "online", "12 sessions, 2 busy, 1 waiting"]
        assert plain[1] == ["db", "production", "unreachable timed out", "3 sessions"]
        assert plain[2] == ["new", "", "not asked yet", ""]
        assert plain[4] == ["pw", "", "auth required wants a password", ""]


async def rows(page: Page) -> list[Locator]:
    """Return the lines of the table."""
    return await page.locator("#hosts tr").all()


async def test_hostile_hosts(browser: Browser) -> None:
    """Whatever a host is called and says is text."""
    router = Router(fleet=watching())
    async with router.serving(), opened(browser, router) as page:
        await expect(page.locator("#hosts tr").nth(3)).to_contain_text(HOSTILE)
        assert await page.locator("img").count() == 0


async def test_nothing_is_watched(browser: Browser) -> None:
    """Without a watcher nothing is said of hosts, and nobody is asked for them."""
    router = Router()
    async with router.serving(), await browser.new_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(router.url)
        await expect(page.get_by_role("status")).to_have_text("Live")
        await page.evaluate("fleet()")
        await expect(page.get_by_text("SSH hosts")).to_be_hidden()
        assert not [url for url in asked if url.endswith("/api/fleet")]


async def test_they_change(browser: Browser) -> None:
    """Every ten seconds the page looks; a watcher that failed is told of, its hosts stay."""
    router = Router(fleet=Watching("starting"))
    async with router.serving(), await browser.new_page() as page:
        await page.clock.install()
        await page.goto(router.url)
        await expect(page.locator("#watcher")).to_have_text("The watcher is starting.")
        await expect(page.locator("#watched")).to_be_hidden()
        router.fleet = watching()
        await page.clock.run_for(10_000)
        await expect(page.locator("#hosts tr")).to_have_count(5)
        router.fleet = Watching("failed", "exit code 1", hosts=watching().hosts[:1])
        await page.clock.run_for(10_000)
        await expect(page.locator("#watcher")).to_contain_text("begun again: exit code 1")
        await expect(page.locator("#hosts tr")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_looks(browser: Browser, scheme: Scheme) -> None:
    """At 360 pixels nothing sticks out, and all texts can be read."""
    router = Router(fleet=watching())
    async with router.serving(), opened(browser, router, width=360, scheme=scheme) as page:
        await expect(page.locator("#hosts tr")).to_have_count(5)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        below = await colour(page, "#watched", "background-color")
        for text in ("td", ".why", ".stale", "b"):
            assert contrast(await colour(page, f"#hosts {text}", "color"), below) >= 4.5, text
        for state in ("online", "host_key_changed", "auth_required", "unreachable"):
            front = await colour(page, f"#hosts .{state} .pill", "color")
            behind = await colour(page, f"#hosts .{state} .pill", "background-color")
            assert contrast(front, behind) >= 4.5, state
