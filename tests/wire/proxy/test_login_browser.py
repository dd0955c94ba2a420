"""Logging in with a real browser: the form, the way to the projects' hosts, and the end of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.rig.netns import needs_network, network
from tests.wire.proxy.guarded import PASSWORD, SHOPPER, Guarded
from tests.wire.proxy.test_dashboard_looks import colour, contrast
from tests.wire.proxy.upstream import OK, Conversation, Upstream, upstream

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect
from tests.wire.proxy.browsing import Scheme, card

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

_EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
_PAGE = b"<!doctype html><title>page</title><h1>page</h1><a href='/next'>next</a>"
SHOP, WEB = "shop-ada.local", "web-ada.local"


async def project(talk: Conversation) -> None:
    """Answer with a page, or with events that do not end."""
    while True:
        head = await talk.head()
        if head.startswith(b"GET /event "):
            await talk.say(_EVENTS)
            await talk.to_end()
        elif b"Accept: text/html" in head:
            kind = b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(_PAGE)
            await talk.say(b"HTTP/1.1 200 OK\r\n" + kind + _PAGE)
        else:
            await talk.say(OK)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Guarded, Upstream, Upstream]]:
    """Run a router that wants a password, and two projects."""
    router = Guarded()
    async with (
        upstream(project) as shop,
        upstream(project) as web,
        router.open(shop=shop.port, web=web.port),
    ):
        yield router, shop, web


@asynccontextmanager
async def visit(
    browser: Browser, *, width: int = 1000, scheme: Scheme = "light"
) -> AsyncIterator[Page]:
    """Begin without any cookie. A violation of a policy fails the test."""
    size = ViewportSize(width=width, height=740)
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    trouble: list[str] = []
    context.on("console", lambda message: trouble.append(message.text))
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    yield await context.new_page()
    await context.close()
    assert [text for text in trouble if "Security" in text or "Error" in text] == []


async def log_in(page: Page, secret: str = PASSWORD) -> None:
    """Fill in the form."""
    await page.get_by_label("Password").fill(secret)
    await page.get_by_role("button", name="Log in").click()


async def to_host(page: Page, slug: str) -> None:
    """Follow the dashboard's link to a project's own host."""
    await card(page, slug).get_by_role("link", name=f"{slug}-ada.local").click()
    await expect(page.get_by_role("heading", name="page")).to_be_visible()


async def has_no_secrets(context: BrowserContext, *backends: Upstream) -> None:
    """Fail when a cookie of the router, a ticket or where it came from has reached a backend."""
    values = {cookie["value"].encode() for cookie in await context.cookies()}
    for backend in backends:
        assert backend.seen
        assert not [value for value in values if value in backend.seen]
        for word in (b"ticket", b"ocr-session", b"devbox", PASSWORD.encode()):
            assert word not in backend.seen


async def test_one_login(browser: Browser) -> None:
    """One login covers the dashboard and all hosts; no ticket stays in sight or in the history."""
    async with serving() as (router, shop, web), visit(browser) as page:
        await page.goto(router.at("devbox"))
        await expect(page.get_by_label("Password")).to_be_focused()
        await log_in(page, "wrong")
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        await log_in(page)
        await expect(page.get_by_role("status")).to_have_text("Live")
        for slug in ("shop", "web"):
            await to_host(page, slug)
            assert page.url == f"http://{slug}-ada.local:{router.port}/"
            assert await page.evaluate("document.cookie") == ""
            assert await page.evaluate("document.referrer") in {"", page.url}  # without a ticket
            assert await page.evaluate("fetch('/x').then((answer) => answer.text())") == "ok"
            await page.go_back()
            await expect(page.get_by_role("status")).to_have_text("Live")
        await page.goto(router.at(SHOP) + "/deep?x=1")
        await expect(page.get_by_role("heading", name="page")).to_be_visible()
        cookies = await page.context.cookies()
        assert {cookie["domain"] for cookie in cookies} == {"devbox", SHOP, WEB}
        assert all(one["httpOnly"] and one["sameSite"] == "Strict" for one in cookies)
        assert len({one["value"] for one in cookies}) == 3
        await has_no_secrets(page.context, shop, web)


async def test_addresses_stay(browser: Browser) -> None:
    """The dashboard shows and copies a project's own address; only its link has the way there."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(router.at("devbox"))
        await log_in(page)
        address = f"{router.at(SHOP)}/"
        shown = card(page, "shop").get_by_role("link", name=address)
        await expect(shown).to_have_text(address)
        assert (
            await shown.get_attribute("href")
            == f"/.ocr/go?to=http%3A%2F%2F{SHOP}%3A{router.port}%2F"
        )


@pytest.mark.parametrize("ending", ["log out", "rotate"])
async def test_the_end(browser: Browser, ending: str) -> None:
    """When a session ends it ends everywhere: open streams are closed, pages ask to log in."""
    async with serving() as (router, shop, _), visit(browser) as page:
        await page.goto(router.at("devbox"))
        await log_in(page)
        await to_host(page, "shop")
        await page.evaluate(
            """() => new Promise((open) => {
                 const source = new EventSource("/event");
                 source.onmessage = open;
                 source.onerror = () => { document.title = "lost"; };
               })"""
        )
        other = await page.context.new_page()
        await other.goto(router.at("devbox"))
        await expect(other.get_by_role("status")).to_have_text("Live")
        third = await page.context.new_page()
        await third.goto(router.at("devbox"))
        if ending == "rotate":
            router.entry.rotate()
        else:
            await third.get_by_role("button", name="Log out").click()
        for tab in (other, third):
            await expect(tab.get_by_label("Password")).to_be_visible()
        await expect(page).to_have_title("lost")
        await page.reload()
        await expect(page.get_by_label("Password")).to_be_visible()
        assert all(talk.gone.is_set() for talk in shop.conversations if b"/event" in talk.seen)


async def test_no_loop(browser: Browser) -> None:
    """A page that is shown to whom its data is not is loaded again once, not for ever."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(router.at("devbox"))
        await log_in(page)
        await expect(page.get_by_role("status")).to_have_text("Live")
        loads: list[str] = []
        page.on("load", lambda _: loads.append(page.url))
        await page.route("**/api/events", lambda route: route.fulfill(status=401, body=""))
        await page.reload()
        for _ in range(2):
            async with page.expect_response("**/api/events"):
                pass
        await expect(page.get_by_role("status")).to_contain_text("Connection lost")
        async with page.expect_response("**/api/events"):
            pass
        assert len(loads) == 2


async def test_back_to_where(browser: Browser) -> None:
    """Where no other site can have led, the login leads back; elsewhere to the beginning."""
    async with serving() as (router, _, _), visit(browser) as page:
        for host, path in (("shop.localhost", "/deep?x=1"), (SHOP, "/")):
            await page.goto(f"{router.at(host)}/deep?x=1")
            await log_in(page)
            await expect(page.get_by_role("heading", name="page")).to_be_visible()
            assert page.url == router.at(host) + path


async def test_path_mode(browser: Browser) -> None:
    """A page below a path leads to the project's host, also right from the form."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(f"{router.at('localhost')}/shop/deep?x=1")
        await log_in(page)
        await expect(page.get_by_role("heading", name="page")).to_be_visible()
        assert page.url == f"{router.at('shop.localhost')}/deep?x=1"


async def test_project_token(browser: Browser) -> None:
    """Who has a token for a project gets to it from the front door."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(router.at("devbox"))
        await log_in(page, SHOPPER)
        await expect(page.get_by_role("heading", name="page")).to_be_visible()
        assert page.url == f"{router.at(SHOP)}/"


async def test_by_fragment(browser: Browser) -> None:
    """A password in the fragment logs in; it does not stay in the address or the history."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(f"{router.at('devbox')}/.ocr/login#{PASSWORD}")
        await expect(page.get_by_role("status")).to_have_text("Live")
        await page.go_back()
        assert PASSWORD not in page.url


async def test_wrong_fragment(browser: Browser) -> None:
    """A password that is none is tried once; another page's fragment is none at all."""
    async with serving() as (router, _, _), visit(browser) as page:
        await page.goto(f"{router.at('devbox')}/#/session/x")
        await expect(page.get_by_label("Password")).to_have_value("")
        assert router.entry.events[-1][0] == "refused"
        await page.goto(f"{router.at('devbox')}/.ocr/login#wr%20ong%")
        await expect(page.get_by_role("alert")).to_be_visible()
        assert "wr" not in page.url
        assert [event for event, _ in router.entry.events].count("login_failed") == 1


async def test_by_a_link_of_another_site(browser: Browser) -> None:
    """Who has a session and comes by a link is let in, though the browser kept the cookie back."""
    async with serving() as (router, shop, _), visit(browser) as page:
        for host in ("devbox", "localhost"):
            await page.goto(router.at(host))
            await log_in(page)
            await expect(page.get_by_role("status")).to_have_text("Live")
            await page.goto(f"data:text/html,<a href='{router.at(host)}/shop/x?y'>go</a>")
            await page.get_by_role("link").click()
            await expect(page.get_by_role("status")).to_have_text("Live")
            assert page.url == f"{router.at(host)}/"
        assert not shop.seen


@needs_network
async def test_over_a_network(browser: Browser) -> None:
    """By address from elsewhere: the form says who can read along, a link leads to the host."""
    router = Guarded()
    with network() as net:
        async with (
            upstream(project) as shop,
            visit(browser) as page,
            router.open(net.here, shop=shop.port),
        ):
            await page.goto(router.at(net.here))
            await expect(page.get_by_text("This connection is not encrypted")).to_be_visible()
            await log_in(page)
            await expect(page.get_by_role("status")).to_have_text("Live")
            await page.goto(f"{router.at(net.here)}/shop/")
            link = page.get_by_role("link", name=SHOP)
            assert (await link.get_attribute("href") or "").startswith("/.ocr/go?to=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_looks(browser: Browser, scheme: Scheme) -> None:
    """Everything can be read, reached and tapped at 360 pixels, in both colour schemes."""
    async with serving() as (router, _, _), visit(browser, width=360, scheme=scheme) as page:
        await page.goto(router.at("devbox"))
        await log_in(page, "wrong")
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        await page.evaluate("document.querySelector('.readable').hidden = false")
        below = await colour(page, "main", "background-color")
        for text in ("h1", "label", ".hint"):
            assert contrast(await colour(page, text, "color"), below) >= 4.5, text
        assert contrast(await colour(page, "input[type=password]", "border-color"), below) >= 3
        for box in ("[role=alert]", ".readable", "button"):
            front = await colour(page, box, "color")
            assert contrast(front, await colour(page, box, "background-color")) >= 4.5, box
        field = page.get_by_label("Password")
        await expect(field).to_have_accessible_description("That is not the password.")
        await expect(field).to_be_focused()
        for target in (field, page.get_by_role("button")):
            size = await target.bounding_box()
            assert size
            assert size["height"] >= 40
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Log in")).to_be_focused()


async def test_two_routers(browser: Browser) -> None:
    """Two routers of one host do not take each other's sessions for their own."""
    async with serving() as (one, _, _), serving() as (two, _, _), visit(browser) as page:
        for router in (one, two):
            await page.goto(router.at("devbox"))
            await log_in(page)
            await expect(page.get_by_role("status")).to_have_text("Live")
        two.entry.keyring = replace(two.entry.keyring, key=b"x" * 32)
        await page.goto(one.at("devbox"))
        await expect(page.get_by_role("status")).to_have_text("Live")
        await page.goto(two.at("devbox"))
        await expect(page.get_by_label("Password")).to_be_visible()
        assert len({re.sub(r"\d+", "", c["name"]) for c in await page.context.cookies()}) == 1
