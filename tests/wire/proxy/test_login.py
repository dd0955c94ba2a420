"""Logging in, out, and over to the router's other names, without a browser."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from tests.rig.entry import NOW
from tests.wire.proxy.guarded import LATE, PASSWORD, READER, SHOPPER, Guarded
from tests.wire.proxy.upstream import Upstream, upstream

from opencoderouter.core.keyring import SESSION_LIFE
from opencoderouter.proxy.lane.strikes import FREE

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html", "User-Agent": "Mozilla/5.0"}
SHOP, WEB = "shop-ada.local", "web-ada.local"


@pytest.fixture
async def shop() -> AsyncIterator[Upstream]:
    """Run what serves the projects."""
    async with upstream() as made:
        yield made


@pytest.fixture
async def router(shop: Upstream) -> AsyncIterator[Guarded]:
    """Run a router that wants a password."""
    made = Guarded()
    async with made.open(shop=shop.port, web=1):
        yield made


def link(router: Guarded, host: str, path: str = "/") -> str:
    """Return what leads to a page of another name."""
    return f"/.ocr/go?to={quote(router.at(host) + path, safe='')}"


async def test_log_in(router: Guarded, shop: Upstream) -> None:
    """The password makes a session: a cookie for this host and client, that no script can read."""
    answer = await router.log_in()
    assert (answer.status, answer.location) == (303, "/")
    (pair, *attributes) = answer.headers.getall("Set-Cookie")[0].split("; ")
    assert pair.startswith(f"ocr-session-{router.port}=")
    expected = {f"Max-Age={int(SESSION_LIFE)}", "Path=/", "HttpOnly", "SameSite=Strict"}
    assert set(attributes) == expected
    assert PASSWORD not in pair
    assert (await router.ask("/", cookie=answer.cookie)).status == 200
    assert (await router.ask("/", host=SHOP, cookie=answer.cookie)).status == 401
    assert (await router.ask("/shop/x", cookie=f"a=b; {answer.cookie}")).body == "ok"
    assert b"Cookie: a=b\r\n" in shop.seen
    assert router.entry.events == [
        ("login", {"origin": "127.0.0.1", "host": "devbox", "name": "owner"}),
        ("refused", router.entry.events[1][1]),
    ]


async def test_secure() -> None:
    """Over TLS the cookie is Secure, and cannot be set by whoever has another port or name."""
    router = Guarded()
    router.entry.keyring = replace(router.entry.keyring, secure=True)
    async with router.open():
        answer = await router.log_in()
    assert answer.cookie.startswith(f"__Host-ocr-session-{router.port}=")
    assert {"Secure", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))


async def test_wrong_password(router: Guarded) -> None:
    """Who shows none that is right gets the form again, and the failure is known."""
    answer = await router.log_in("x<y", to="/x?y=1", headers=PAGE)
    assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)
    assert 'role="alert"' in answer.body
    assert 'name="to" value="/x?y=1"' in answer.body
    assert "x&lt;y" not in answer.body
    facts = {"origin": "127.0.0.1", "host": "devbox"}
    assert router.entry.events == [("login_failed", facts)]


async def test_too_many(router: Guarded) -> None:
    """Who guesses has to wait: then not even the right password is looked at, but a token is."""
    for _ in range(FREE):
        assert (await router.log_in("guess")).status == 401
    await router.log_in("guess")
    answer = await router.log_in(headers=PAGE)
    assert (answer.status, "Set-Cookie" in answer.headers) == (429, False)
    assert int(answer.headers["Retry-After"]) >= 1
    assert 'role="alert"' in answer.body
    assert router.entry.events[-1][1]["error"] == "too_many_failures"
    assert (await router.log_in(READER)).status == 303
    router.entry.strikes.succeeded("127.0.0.1")
    assert (await router.log_in()).status == 303


async def test_success_forgives(router: Guarded) -> None:
    """Who knows the password after all has not guessed; a token does not show that he does."""
    for _ in range(2):
        for _ in range(FREE - 1):
            await router.log_in("guess")
        assert (await router.log_in()).status == 303
    for _ in range(FREE + 1):
        await router.log_in("guess")
        await router.log_in(READER)
    assert (await router.log_in()).status == 429


@pytest.mark.parametrize(
    ("to", "headers", "location"),
    [
        *[("/x?y=1", OWN, "/x?y=1"), ("/x?y=1", {"Sec-Fetch-Site": "none"}, "/x?y=1")],
        *[("/x?y=1", {}, "/"), ("//evil.org", OWN, "/"), ("https://evil.org/", OWN, "/")],
        *[("/\\evil.org", OWN, "/"), ("/\t/evil.org", OWN, "/"), ("/x\r\nA: b", OWN, "/")],
    ],
)
async def test_where_it_leads(
    router: Guarded, to: str, headers: dict[str, str], location: str
) -> None:
    """It leads on to a path of this host, and only where no other site can have made it up."""
    answer = await router.log_in(to=to, headers=headers, host=SHOP)
    assert (answer.location, "A" in answer.headers) == (location, False)
    answer = await router.log_in(to=to, headers=headers)
    assert (answer.location or answer.onward, "A" in answer.headers) == (location, False)
    fields = {"Referer": router.at("evil.org"), **headers}
    known = await router.ask(f"/.ocr/login?to={quote(to)}", cookie=answer.cookie, headers=fields)
    assert (known.status, known.location) == (303, location)


async def test_form(router: Guarded) -> None:
    """The form is there to ask for, and everywhere else where a page is asked for."""
    asked = await router.ask("/.ocr/login")
    led = await router.ask("/x?y=1&z", host=SHOP, headers=PAGE)
    assert (asked.status, led.status) == (200, 401)
    assert 'name="to" value="/x?y=1&amp;z"' in led.body
    for answer in (asked, led):
        assert '<form method="post" action="/.ocr/login">' in answer.body
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        assert "Server" not in answer.headers
    assert led.headers.getall("WWW-Authenticate") == ['Bearer realm="OpenCodeRouter"']


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x" * 40_000, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        (b"password=\xff%ff%", {"Content-Type": "application/x-www-form-urlencoded"}, 401),
        (b"", {"Content-Type": "application/x-www-form-urlencoded; charset=rot13"}, 401),
    ],
)
async def test_odd_forms(
    router: Guarded, data: bytes, headers: dict[str, str], status: int
) -> None:
    """What is no form, or too large for one, is refused."""
    answer = await router.ask("/.ocr/login", method="POST", data=data, headers=headers)
    assert answer.status == status


async def test_log_out(router: Guarded) -> None:
    """A session that is ended is over under all names; the cookie goes, too."""
    cookie = (await router.log_in()).cookie
    led = await router.ask(link(router, SHOP), cookie=cookie)
    entered = await router.ask(led.location.removeprefix(router.at(SHOP)), host=SHOP)
    assert (await router.ask("/x", host=SHOP, cookie=entered.cookie)).body == "ok"
    answer = await router.ask("/.ocr/logout", host=SHOP, method="POST", cookie=entered.cookie)
    assert (answer.status, answer.location) == (303, "/")
    assert answer.cookie == f'ocr-session-{router.port}=""'
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert (await router.ask("/", cookie=cookie)).status == 401
    assert (await router.ask("/x", host=SHOP, cookie=entered.cookie)).status == 401
    assert list(router.entry.logged_out.values()) == [NOW + SESSION_LIFE]
    assert [event for event, _ in router.entry.events if "log" in event] == ["login", "logout"]


async def test_log_out_of_nothing(router: Guarded) -> None:
    """Who has no session ends none."""
    assert (await router.ask("/.ocr/logout", method="POST")).status == 303
    assert (await router.ask("/.ocr/logout", method="GET")).status == 401
    assert router.entry.logged_out == {}


async def test_ticket(router: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    """A ticket takes the session along: once, to one name, and not for longer; no log has it."""
    caplog.set_level(logging.DEBUG)
    cookie = (await router.log_in()).cookie
    router.entry.clock += 100
    led = await router.ask(link(router, SHOP, "/x?y=1&z"), cookie=cookie)
    assert led.status == 303
    assert led.headers["Referrer-Policy"] == "no-referrer"
    assert led.location.startswith(f"{router.at(SHOP)}/.ocr/enter?ticket=")
    target = led.location.removeprefix(router.at(SHOP))
    entered = await router.ask(target, host=SHOP)
    assert (entered.status, entered.onward) == (200, "/x?y=1&z")
    assert entered.headers["Referrer-Policy"] == "origin"  # not with the ticket
    assert entered.headers["Cache-Control"] == "no-store"
    assert f"Max-Age={int(SESSION_LIFE) - 100};" in entered.headers["Set-Cookie"]
    assert (await router.ask("/x", host=SHOP, cookie=entered.cookie)).body == "ok"
    assert (await router.ask("/x", host=WEB, cookie=entered.cookie)).status == 401
    ticket = target.partition("ticket=")[2].partition("&")[0]
    assert ticket not in caplog.text + repr(router.entry.events)
    router.entry.clock = NOW + SESSION_LIFE
    assert (await router.ask("/x?late", host=SHOP, cookie=entered.cookie)).status == 401


async def test_bad_tickets(router: Guarded) -> None:
    """A ticket that is used, made up, for another name, too old or of an ended session is none."""
    cookie = (await router.log_in()).cookie

    async def issued() -> str:
        led = await router.ask(link(router, SHOP, "/x?y"), cookie=cookie)
        return led.location.removeprefix(router.at(SHOP))

    used, old, over = await issued(), await issued(), await issued()
    await router.ask(used, host=SHOP)
    tries = [(used, SHOP), (await issued(), WEB), ("/.ocr/enter?ticket=x&to=/x?y", SHOP)]
    tries += [("/.ocr/enter", SHOP)]
    for target, host in tries:
        answer = await router.ask(target, host=host)
        assert (answer.status, answer.location, answer.cookie) == (303, "/", "")
    await router.ask("/.ocr/logout", method="POST", cookie=cookie)
    assert (await router.ask(over, host=SHOP)).status == 303
    router.entry.clock += 31
    assert (await router.ask(old, host=SHOP)).status == 303


async def test_nothing_to_take_along(router: Guarded) -> None:
    """Who shows the password each time is sent straight on; who shows nothing is not sent."""
    target = link(router, SHOP, "/x?y")
    basic = {"Authorization": f"Bearer {PASSWORD}"}
    led = await router.ask(target, headers=basic)
    assert (led.status, led.location) == (303, f"{router.at(SHOP)}/x?y")
    assert (await router.ask(target)).status == 401


@pytest.mark.parametrize(
    "to", ["http://evil.org/", "/x", "", "https://shop-ada.local:{}/", "http://127.0.0.1:{}/"]
)
async def test_led_astray(router: Guarded, to: str) -> None:
    """Nobody is sent to what is not the router's."""
    cookie = (await router.log_in()).cookie
    target = f"/.ocr/go?to={quote(to.format(router.port), safe='')}"
    answer = await router.ask(target, cookie=cookie)
    assert (answer.status, answer.location) == (400, "")


async def test_projects_do_not_lead_to_projects(router: Guarded) -> None:
    """A project's page cannot have another project asked for something."""
    cookie = (await router.log_in(host=SHOP)).cookie
    answer = await router.ask(link(router, WEB, "/path?directory=/x"), host=SHOP, cookie=cookie)
    assert (answer.status, answer.location) == (400, "")


async def test_free_clients() -> None:
    """Who is let in anyway gets no cookie that somebody else could show."""
    router = Guarded()
    router.entry.keyring = replace(router.entry.keyring, auth="off")
    async with router.open(shop=1):
        for answer in (await router.log_in("x"), await router.ask("/.ocr/login")):
            assert (answer.status, answer.location, answer.cookie) == (303, "/", "")
        led = await router.ask(link(router, SHOP))
        assert led.location == f"{router.at(SHOP)}/"
    assert router.entry.events == []


async def test_tokens(router: Guarded) -> None:
    """A session by a token does what the token does, and ends with it."""
    reader, shopper, late = [(await router.log_in(t)).cookie for t in (READER, SHOPPER, LATE)]
    assert (await router.ask("/api/backends", cookie=reader)).status == 200
    stop = await router.ask("/api/backends/shop/stop", method="POST", cookie=reader)
    assert (stop.status, json.loads(stop.body)["error"]) == (403, "forbidden")
    assert (await router.ask("/api/backends", cookie=shopper)).status == 403
    assert (await router.ask("/shop/x", cookie=shopper)).body == "ok"
    assert (await router.ask("/", cookie=late)).status == 200
    router.entry.clock += 60
    assert (await router.ask("/", cookie=late, headers={"X": "y"})).status == 401


async def test_project_token(router: Guarded) -> None:
    """Who may use one project only is led there, and may be."""
    answer = await router.log_in(SHOPPER)
    assert answer.onward == "/shop/"
    led = await router.ask("/shop/", cookie=answer.cookie, headers=PAGE)
    assert led.location.startswith("/.ocr/go?to=")
    assert (await router.ask(led.location, cookie=answer.cookie)).status == 303


@pytest.mark.parametrize("where", ["192.0.2.1", "127.0.0.1#1001"])
async def test_session_of_another_client(router: Guarded, where: str) -> None:
    """A cookie that somebody else has got hold of is nothing."""
    grant = router.entry.keyring.judge(PASSWORD, NOW)
    assert grant
    value = router.entry.keyring.seal(grant, "s", where, "devbox", NOW)
    cookie = f"{router.entry.keyring.cookie}={value}"
    assert (await router.ask("/", cookie=cookie)).status == 401
