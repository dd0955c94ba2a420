"""Pages of others in a real browser: what they can do to a router whose user looks at them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import pytest
from tests.fakes import Asked, Server, http, serving
from tests.wire.proxy.guarded import PASSWORD, Free, Guarded, Strict

pytest.importorskip("playwright.async_api", reason="needs playwright")

from playwright.async_api import Browser, Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

HTML = {"content_type": "text/html"}
SECRET = "what-only-the-owner-may-read"
# Does all that a page can do with another origin's address, and tells when all has come to an end.
ATTACK = """async (to) => {
  const ended = (node) => new Promise((end) => {
    node.onload = node.onerror = node.onclose = end;
    if (node instanceof Node) document.body.append(node);
  });
  const made = (tag, attributes) => Object.assign(document.createElement(tag), attributes);
  const said = [];
  const read = (text) => said.push(text);
  const evil = `${to}/path?directory=/evil`;
  await Promise.allSettled([
    fetch(evil, { mode: "no-cors", credentials: "include" }).then((a) => a.text()).then(read),
    fetch(evil, { credentials: "include" }).then((a) => a.text()).then(read),
    fetch(evil, { method: "POST", mode: "no-cors", credentials: "include", body: "x" }),
    ...["/api/backends/shop/stop", "/.ocr/logout"].map((path) =>
      fetch(to + path, { method: "POST", mode: "no-cors", credentials: "include" })),
    ended(new WebSocket(evil.replace("http", "ws"))),
    ended(new EventSource(`${to}/event`, { withCredentials: true })),
    ended(made("img", { src: evil })),
    ended(made("script", { src: evil })),
    ended(made("link", { rel: "stylesheet", href: evil })),
    ended(made("iframe", { src: evil })),
    ended(made("object", { data: evil })),
  ]);
  const frame = made("iframe", { name: "sink" });
  document.body.append(frame);
  const form = made("form", { action: evil, method: "POST", target: "sink" });
  document.body.append(form);
  const sent = new Promise((end) => { frame.onload = end; });
  form.submit();
  await sent;
  return said.join();
}"""


@dataclass
class Scene:
    """A router, what serves its project, and somebody else's server."""

    router: Guarded
    shop: Server
    evil: Server

    def of(self, host: str) -> str:
        """Return the origin of the somebody's pages under a name."""
        return f"http://{host}:{self.evil.port}"


@asynccontextmanager
async def scene(entry: Strict | None = None, *, free: bool = False) -> AsyncIterator[Scene]:
    """Let a router have the project ``shop``."""
    router = Guarded(entry=entry or Strict())
    if free:
        router.entry.keyring = replace(router.entry.keyring, auth="auto")
        router.door = Free()
    page = http(200, f"<title>{SECRET}</title>", **HTML)
    async with (
        serving(lambda _: page) as shop,
        serving(lambda _: http(200, "", **HTML)) as evil,
        router.open(shop=shop.port),
    ):
        yield Scene(router, shop, evil)


async def log_in(page: Page, where: str) -> None:
    """Have a session at one of the router's names."""
    await page.goto(f"{where}/.ocr/login#{PASSWORD}")
    await page.wait_for_url(f"{where}/")


async def attacked(page: Page, scene: Scene, target: str) -> str:
    """Let the page that is shown do what it can; return what it could read.

    At most it has the start page loaded, which does nothing, and is not shown to be clicked on.
    """
    before = len(scene.shop.asked)
    said: str = await page.evaluate(ATTACK, target)
    asked = [one.line for one in scene.shop.asked[before:]]
    assert set(asked) <= ({"GET /"} if target.endswith(f".local:{scene.router.port}") else set())
    assert scene.router.supervisor.asked == []
    assert scene.router.entry.logged_out == {}
    return said


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("host", ["shop.localhost", "shop-ada.local", "localhost", "devbox"])
async def test_other_site(browser: Browser, host: str, free: bool) -> None:  # noqa: FBT001
    """Whatever a page of another site asks for, nothing is done and nothing is told.

    Neither by the session that the browser has, nor because it is our own user's.
    """
    async with scene(free=free) as it, await browser.new_context() as context:
        target, page = it.router.at(host), await context.new_page()
        if not free:
            await log_in(page, target)
        await page.goto(it.of("evil.test"))
        said = await attacked(page, it, target)
        assert SECRET not in said
        assert "shop" not in said.replace(host, "")


@pytest.mark.parametrize(
    ("host", "free"),
    [
        *[("shop.localhost", True), ("localhost", True), ("shop.localhost", False)],
        # To this one Chromium sends no Fetch Metadata by HTTP; our own user is not free there.
        *[("localhost", False), ("shop-ada.local", False), ("devbox", False)],
    ],
)
async def test_other_port(browser: Browser, host: str, free: bool) -> None:  # noqa: FBT001
    """Another server of the same host is another origin, though the cookies go to both."""
    async with scene(free=free) as it, await browser.new_context() as context:
        target, page = it.router.at(host), await context.new_page()
        if not free:
            await log_in(page, target)
        await page.goto(it.of(host))
        assert SECRET not in await attacked(page, it, target)


@pytest.mark.parametrize("host", ["shop.localhost", "shop-ada.local"])
@pytest.mark.parametrize("path", ["/path?directory=/evil", "/.ocr/login?to=/path?directory=/evil"])
async def test_links(browser: Browser, host: str, path: str) -> None:
    """A link of another site leads to the beginning, or to the form; what it says is not done."""
    async with scene() as it, await browser.new_context() as context:
        page, target = await context.new_page(), it.router.at(host)
        await log_in(page, target)
        await page.goto(it.of("evil.test"))
        before = len(it.shop.asked)
        await page.evaluate("to => { location.href = to; }", f"{target}{path}")
        await page.wait_for_url(f"{target}/")
        await expect(page).to_have_title(SECRET)
        assert {asked.line for asked in it.shop.asked[before:]} <= {"GET /", "GET /favicon.ico"}


@pytest.mark.parametrize("host", ["devbox", "localhost"])
async def test_links_to_tickets(browser: Browser, host: str) -> None:
    """No other site can have the router lead somewhere, or enter with a ticket of its own make."""
    async with scene() as it, await browser.new_context() as context:
        page, target = await context.new_page(), it.router.at(host)
        await log_in(page, target)
        shop = it.router.at("shop-ada.local" if host == "devbox" else "shop.localhost")
        await page.goto(it.of("evil.test"))
        await page.evaluate("to => { location.href = to; }", f"{target}/.ocr/go?to={shop}/path")
        await expect(page.get_by_role("status")).to_have_text("Live")
        assert page.url == f"{target}/"
        await page.goto(it.of("evil.test"))
        link = f"{shop}/.ocr/enter?ticket=x&to=/path"
        await page.evaluate("to => { location.href = to; }", link)
        await expect(page.get_by_label("Password")).to_be_visible()
        assert page.url == f"{shop}/"
        assert not it.shop.asked


async def test_dns_rebinding(browser: Browser) -> None:
    """A name of somebody else's that leads here tells nothing, though it is the page's own origin.

    The page comes from elsewhere, then its name leads to the router: to the same port.
    """
    router = Guarded(door=Free())
    router.entry.keyring = replace(router.entry.keyring, auth="auto")
    page = await browser.new_page()
    async with serving(lambda _: http(200, "<h1>evil</h1>", **HTML)) as evil:
        router.port = evil.port
        await page.goto(router.at("evil.test"))
        await expect(page.get_by_role("heading", name="evil")).to_be_visible()
    async with serving(lambda _: http(200, SECRET)) as shop, router.open(shop=shop.port):
        for path in ("/api/backends", "/api/health", "/shop/", "/.ocr/login", "/nope"):
            answer = await page.evaluate(
                "path => fetch(path).then(async (a) => [a.status, await a.text()])", path
            )
            assert answer[0] == 421
            assert "shop" not in answer[1].replace(path, "")
            assert "ada" not in answer[1]
        shown = await page.goto(router.at("evil.test"))
        assert shown
        assert shown.status == 421
        assert not shop.asked
        assert (await router.ask("/", host="localhost")).status == 200  # by another name
    await page.close()


async def test_stolen_cookie(browser: Browser) -> None:
    """Cookies go to all ports of a host: who gets one there can do nothing with it himself."""
    async with scene() as it, await browser.new_context() as context:
        page = await context.new_page()
        for host in ("devbox", "shop-ada.local"):
            await log_in(page, it.router.at(host))
            await page.goto(it.of(host))
            stolen = it.evil.asked[-1].headers["cookie"]
            assert stolen.startswith("ocr-session-")
            assert await status(it.router, host, stolen, "127.0.0.1") == 200
            assert await status(it.router, host, stolen, "127.0.0.2") == 401
        assert all("cookie" not in asked.headers for asked in it.shop.asked)


async def status(router: Guarded, host: str, cookie: str, address: str) -> int:
    """Return what is answered to a cookie that comes from an address."""
    fields = {"Host": f"{host}:{router.port}", "Cookie": cookie}
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.get(f"{router.url}/", headers=fields) as answer,
    ):
        return answer.status


async def test_cookies_of_projects(browser: Browser) -> None:
    """A project's cookies stay at its own host, and take the place of nobody's session."""
    async with scene() as it, await browser.new_context() as context:
        page, shop = await context.new_page(), it.router.at("shop-ada.local")
        name = f"ocr-session-{it.router.port}"
        await log_in(page, shop)
        mine = {c["name"]: c["value"] for c in await context.cookies()}
        cookies = ["ok=1", "wide=1; Domain=shop-ada.local", f"{name}=evil; Path=/", "evil"]
        cookies += [f" {name} =evil", f"{name.upper()}=evil", f"={name}=evil"]
        lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
        it.shop.reply = lambda _: f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok".encode()
        await page.goto(f"{shop}/x")
        found = {c["name"]: c["value"] for c in await context.cookies()}
        assert found == {**mine, "ok": "1"}
        await page.goto(f"{shop}/y")
        assert it.shop.asked[-1].headers["cookie"] == "ok=1"


def hostile(asked: Asked) -> bytes:
    """Answer with a page that does what it can to the page around it, and to the router."""
    script = """
      document.title = "ran";
      parent.postMessage("ran", "*");
      fetch("/api/backends").then((a) => a.text()).then((text) => {
        document.title = `read ${text}`;
        parent.postMessage("read", "*");
      });
      parent.document.title = "scripted";"""
    body = f"<title>still</title><h1>project</h1><script>{script}</script>"
    return http(200, body, set_cookie=f"at={asked.line[4:9]}; Path=/", **HTML)


@pytest.mark.parametrize("free", [True, False])
async def test_path_mode(browser: Browser, free: bool) -> None:  # noqa: FBT001
    """Below a path a project's page runs nothing: it would be the router's own origin.

    On its own host it runs; what it asks for there is its own.
    """
    async with scene(free=free) as it, await browser.new_context() as context:
        it.shop.reply = hostile
        own, page = it.router.at("localhost"), await context.new_page()
        if not free:
            await log_in(page, own)

        async def around(route: Route) -> None:
            script = "onmessage = (event) => { document.title = event.data; }"
            body = f"<title>own</title><script>{script}</script><iframe src='/shop/x'></iframe>"
            await route.fulfill(body=body, content_type="text/html")

        await page.route(f"{own}/around", around)
        await page.goto(f"{own}/around")
        inner = page.frame_locator("iframe")
        await expect(inner.get_by_role("heading", name="project")).to_be_visible()
        await expect(page).to_have_title("own")
        assert await inner.locator("title").text_content() == "still"

        async def no_page(route: Route) -> None:  # whoever wants one is led to the host
            await route.continue_(headers={**route.request.headers, "accept": "*/*"})

        await page.route(f"{own}/shop/x", no_page)
        await page.goto(f"{own}/shop/x")
        await expect(page).to_have_title("still")
        assert it.shop.asked[-1].line == "GET /x"
        assert await page.evaluate("origin") == "null"


async def test_own_host(browser: Browser) -> None:
    """What cannot run below a path runs on the project's own host, and reads nothing of ours."""
    async with scene(free=True) as it, await browser.new_context() as context:
        it.shop.reply = hostile
        page = await context.new_page()
        await page.goto(f"{it.router.at('localhost')}/shop/x")
        assert page.url == f"{it.router.at('shop.localhost')}/x"
        await page.wait_for_function("document.title.startsWith('read')")
        assert "project_path" not in await page.title()
        said = await page.evaluate(
            "to => fetch(to).then((a) => a.text(), () => 'refused')",
            f"{it.router.at('localhost')}/api/backends",
        )
        assert said == "refused"
        assert json.dumps(it.router.supervisor.asked) == "[]"
