"""The dashboard in a real browser: what it shows and does."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
from tests.fakes import backend
from tests.rig.ports import free_port
from tests.wire.proxy.own import Router, managing

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Kind, Sessions, Status
from opencoderouter.proxy.events import Pace

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, Dialog, expect
from tests.wire.proxy.browsing import card, opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

APP, WEB = backend("/srv/app", 30001), backend("/srv/web", 30002)
MINE = Managed("/srv/mine", Status.FAILED, reason="exit code 1")


async def test_live(browser: Browser) -> None:
    """Projects appear, change and vanish without a reload, and a screen reader is told."""
    router = Router()
    async with router.serving(), opened(browser, router) as page:
        await expect(page.get_by_role("article")).to_have_count(0)
        router.registry.observe(WEB, APP)
        await expect(page.get_by_role("heading", level=2)).to_have_text(["app", "web"])
        await expect(page.locator("#count")).to_have_text("2 projects")
        router.registry.observe(backend("/srv/app", 30001, sessions=Sessions(101, 2, more=True)))
        await expect(card(page, "app")).to_contain_text("101+ sessions, 2 busy")
        router.registry.observe(backend("/srv/app", 30001, Status.FAILED, reason="bad config"))
        await expect(card(page, "app").locator(".pill")).to_have_text("failed")
        await expect(card(page, "app")).to_contain_text("bad config")
        await expect(page.locator("[aria-live]")).to_have_text("app is failed")
        router.registry.forget(APP.listener)
        await expect(page.get_by_role("heading", level=2)).to_have_text(["web"])
        await expect(page.locator("[aria-live]")).to_have_text("app is gone")


async def test_what_a_card_tells(browser: Browser) -> None:
    """A card has the addresses with their ports, the version, and the other servers there."""
    router = Router()
    router.registry.observe(APP, backend("/srv/app", 30003, Status.BUSY, kind=Kind.ACP))
    async with router.serving(), opened(browser, router) as page:
        app, port = card(page, "app"), router.port
        links = [await link.get_attribute("href") for link in await app.get_by_role("link").all()]
        assert links == [f"http://app.localhost:{port}/", f"http://localhost:{port}/app/"]
        await expect(app).to_contain_text(f"opencode attach http://localhost:{port}/app/")
        await expect(app).to_contain_text("OpenCode 1.18.33 · serve on port 30001 · seen")
        await app.get_by_text("1 other server").click()
        await expect(app.get_by_role("listitem")).to_have_text(
            "acp on port 30003, process 30003: busy"
        )
        await expect(app.get_by_role("button")).to_have_count(3)  # to copy; it is not managed
        await expect(page.locator(".about")).to_contain_text("ada@")


async def test_policy_holds(browser: Browser) -> None:
    """Markup made of text is impossible, and the page asks nobody but the router."""
    router = Router()
    router.registry.observe(APP)
    async with router.serving(), await browser.new_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(router.url)
        await expect(page.get_by_role("article")).to_have_count(1)
        refused = await page.evaluate(
            "() => { try { document.body.innerHTML = ''; return '' } catch (e) { return e.name } }"
        )
        assert refused == "TypeError"
        paths = ("/", "/api/events", "/api/peers")
        assert set(asked) <= {f"{router.url}{path}" for path in paths}


async def test_start_and_stop(browser: Browser) -> None:
    """The buttons of a managed project do what they say; the focus stays where the work is."""
    router = managing(MINE)
    async with router.serving(), opened(browser, router) as page:
        mine = card(page, "mine")
        await expect(mine).to_contain_text("exit code 1")
        await mine.get_by_role("button", name="Start", exact=True).press("Enter")
        await expect(mine.locator(".pill")).to_have_text("starting")
        await expect(mine.get_by_role("button", name="Stop")).to_be_focused()
        served = backend("/srv/mine", 30005)
        router.supervisor.then = lambda: router.registry.forget(served.listener)
        for verb, status in (("Restart", "starting"), ("Stop", "stopped")):
            router.registry.observe(served)
            await mine.get_by_role("button", name=verb).click()
            await expect(mine.locator(".pill")).to_have_text(status)
    assert router.supervisor.asked == [(verb, "/srv/mine") for verb in ("start", "restart", "stop")]


async def test_busy_sessions_are_not_lost_by_a_slip(browser: Browser) -> None:
    """To stop a server at work takes a second yes."""
    router = managing(MINE)
    router.registry.observe(backend("/srv/mine", 30005, sessions=Sessions(3, 2)))
    async with router.serving(), opened(browser, router) as page:
        answers, asked = iter([False, True]), list[str]()

        async def answer(dialog: Dialog) -> None:
            asked.append(dialog.message)
            await (dialog.accept() if next(answers) else dialog.dismiss())

        page.on("dialog", answer)
        stop = card(page, "mine").get_by_role("button", name="Stop")
        await stop.click()
        assert router.supervisor.asked == []
        async with page.expect_response("**/stop"):
            await stop.click()
        assert router.supervisor.asked == [("stop", "/srv/mine")]
        assert asked == ["2 sessions of mine would be interrupted. Stop anyway?"] * 2


async def test_failing_action(browser: Browser) -> None:
    """When the router refuses, the card says why."""
    router = managing(MINE)
    async with router.serving(), opened(browser, router) as page:
        body = {"error": "not_managed", "detail": "No <b>longer</b> managed.", "hint": ""}
        await page.route("**/start", lambda route: route.fulfill(status=409, json=body))
        await card(page, "mine").get_by_role("button", name="Start", exact=True).click()
        alert = card(page, "mine").get_by_role("alert")
        await expect(alert).to_have_text("Could not start: No <b>longer</b> managed.")
        await page.unroute("**/start")
        await page.route("**/start", lambda route: route.abort())
        await card(page, "mine").get_by_role("button", name="Start", exact=True).click()
        await expect(alert).to_have_text("Could not start: the router does not answer")


async def test_two_of_one_name(browser: Browser) -> None:
    """A slug that is not the folder's name stands beside it."""
    router = Router()
    router.registry.observe(backend("/srv/a/shop", 30001), backend("/srv/b/shop", 30002))
    async with router.serving(), opened(browser, router) as page:
        slugs = sorted(slug for slug in router.registry.table.projects if slug != "shop")
        await expect(page.locator(".slug:not([hidden])")).to_have_text(slugs)


async def test_log(browser: Browser) -> None:
    """The last output is there to open, as text, and goes on while it is open."""
    router = managing(MINE)
    router.supervisor.lines = ("<b>one</b>",)
    async with router.serving(), opened(browser, router) as page:
        await card(page, "mine").get_by_text("Last output").click()
        await expect(page.locator("pre")).to_have_text("<b>one</b>")
        router.supervisor.lines = ("<b>one</b>", "two")
        await expect(page.locator("pre")).to_have_text("<b>one</b>\ntwo")


async def test_empty(browser: Browser) -> None:
    """Where there is nothing, the page says how to get something."""
    router = Router()
    async with router.serving(), opened(browser, router) as page:
        region = page.get_by_role("region", name="No OpenCode server is running yet")
        for command in ("opencode serve", "ocr-router start DIR", 'make run PROJECTS="DIR DIR"'):
            await expect(region.get_by_text(command, exact=True)).to_be_visible()
        router.registry.observe(APP)
        await expect(region).to_be_hidden()


async def test_reconnect(browser: Browser) -> None:
    """A router that was restarted is found again; what is shown is what it knows now."""
    first = Router(port=free_port())
    first.registry.observe(APP)
    async with AsyncExitStack() as stack:
        async with first.serving():
            page = await stack.enter_async_context(opened(browser, first))
            await expect(card(page, "app")).to_be_visible()
        await expect(page.get_by_role("status")).to_contain_text("Connection lost")
        await expect(card(page, "app")).to_be_visible()
        second = Router(boot="other", port=first.port)
        second.registry.observe(WEB)
        async with second.serving():
            await expect(page.get_by_role("status")).to_have_text("Live")
            await expect(page.get_by_role("heading", level=2)).to_have_text(["web"])


async def test_reconnect_after_an_error(browser: Browser) -> None:
    """An answer that is no stream, from a proxy on the way, is not the end."""
    router = Router()
    router.registry.observe(APP)
    async with router.serving(), await browser.new_page() as page:
        await page.route("**/api/events", lambda route: route.fulfill(status=502), times=1)
        await page.goto(router.url)
        await expect(page.get_by_role("status")).to_contain_text("Connection lost")
        await expect(card(page, "app")).to_be_visible()
        await expect(page.get_by_role("status")).to_have_text("Live")


async def test_filter(browser: Browser) -> None:
    """Many projects can be filtered by name, folder and status; few have no filter."""
    router = Router()
    router.registry.observe(APP)
    async with router.serving(), opened(browser, router) as page:
        await expect(card(page, "app")).to_be_visible()
        await expect(page.get_by_role("searchbox")).to_be_hidden()
        for number in range(7):
            router.registry.observe(backend(f"/home/team/{number}", 31000 + number, Status.LOCKED))
        await page.get_by_role("searchbox", name="Filter").fill("TEAM/3")
        await expect(page.get_by_role("article")).to_have_count(1)
        await page.get_by_role("searchbox").fill("locked")
        await expect(page.get_by_role("article")).to_have_count(7)
        await page.get_by_role("searchbox").fill("nothing like it")
        await expect(page.get_by_text("No project matches")).to_be_visible()


@pytest.mark.parametrize("host", ["localhost", "devbox"])
async def test_copy(browser: Browser, host: str) -> None:
    """Addresses are copied, also where the page is no secure context."""
    router = Router()
    for port in range(8):
        router.registry.observe(backend(f"/srv/app{port}", 30001 + port))
    async with router.serving(), opened(browser, router, host=host) as page:
        button = page.get_by_role("button", name="Copy attach command of app3")
        await button.click()
        await expect(button).to_have_text("Copied")
        await page.get_by_role("searchbox").press("Control+V")
        pasted = f"opencode attach http://{host}:{router.port}/app3/"
        await expect(page.get_by_role("searchbox")).to_have_value(pasted)


async def test_last_seen(browser: Browser) -> None:
    """How long ago a server was seen is told by the router's clock, and goes on."""
    router = Router(pace=Pace(heartbeat=1000))
    router.registry.observe(APP)
    async with router.serving(), opened(browser, router) as page:
        await expect(card(page, "app")).to_contain_text(re.compile("seen 5[5-9] s ago"))
        await expect(card(page, "app")).to_contain_text(re.compile("seen (5[7-9] s|1 min) ago"))
