"""Pages in the user's browser, and what servers answer to it. The user is let in without asking."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

from tests.rig.recorder import EVIL
from tests.rig.seat import Address, Reply, Seat
from tests.threats.acts import assert_in, log_in, session
from tests.threats.row import Row
from tests.threats.world import SAME_ORIGIN, UPGRADE, House, World, request

_PAGE = (
    "User-Agent: Mozilla/5.0",
    "Accept: text/html",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Dest: document",
)


def _rebinds(world: World) -> None:
    house = world.house
    names = ("evil.example", "localhost.evil.example", "atelier.localhost.evil.example", "0.0.0.0")
    for name in (*names, "[::]", "atelier-other.local"):
        for target in ("/atelier/path?rebound", "/path?rebound", "/api/backends", "/.ocr/login"):
            asked = request("GET", target, house.at(name), "Sec-Fetch-Site: same-origin")
            assert world.here.ask(house.local, asked).status == 421, (name, target)
    assert world.received(world.atelier, "rebound") == []


def _foreign(house: House) -> tuple[tuple[str, ...], ...]:
    """Return how browsers mark requests of other sites' pages."""
    return (
        ("Origin: http://evil.example",),
        ("Origin: null",),
        (f"Origin: http://localhost:{house.port + 1}",),
        (f"Origin: https://localhost:{house.port}",),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"),
        ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
    )


def _cross_site(world: World) -> None:
    house, host = world.house, world.house.at("localhost")
    for fields in _foreign(house):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            asked = request(method, "/atelier/path?crossed&directory=/tmp", host, *fields)
            assert world.here.ask(house.local, asked).status == 403, (method, fields)
        for target in ("/api/backends/atelier/stop", "/.ocr/login", "/.ocr/logout"):
            asked = request("POST", target, host, *fields)
            assert world.here.ask(house.local, asked).status == 403, (target, fields)
    followed = request("GET", "/atelier/x?crossed", host, *_PAGE, "Sec-Fetch-Site: cross-site")
    reply = world.here.ask(house.local, followed)
    assert (reply.status, reply.get("location")) == (303, "/")
    assert world.received(world.atelier, "crossed") == []


def _cross_site_socket(world: World) -> None:
    house = world.house
    for host, target in (
        ("localhost", "/atelier/pty/x/connect"),
        ("atelier.localhost", "/pty/x/connect"),
    ):
        for fields in _foreign(house)[:4]:
            asked = request("GET", f"{target}?crossed", house.at(host), *UPGRADE, *fields)
            assert world.here.ask(house.local, asked).status == 403, (host, fields)
    assert world.received(world.atelier, "crossed") == []


def _projects_page(world: World) -> None:
    house = world.house
    own = f"Origin: http://{house.at('atelier.localhost')}"
    fetched = ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
    for host, target in (
        ("kiosk.localhost", "/session?neighbour"),
        ("localhost", "/kiosk/session?neighbour"),
        ("localhost", "/api/backends"),
        ("localhost", "/.ocr/go?to=" + quote(f"http://{house.at('kiosk.localhost')}/", safe="")),
    ):
        for fields in ((own,), fetched, (own, *fetched)):
            asked = request("GET", target, house.at(host), *fields)
            assert world.here.ask(house.local, asked).status == 403, (host, target, fields)
    asked = request("GET", "/session?itself", house.at("atelier.localhost"), own)
    assert world.here.ask(house.local, asked).status == 200
    assert world.received(world.kiosk, "neighbour") == []


def _path_mode(world: World) -> None:
    house, host = world.house, world.house.at("localhost")
    target = f"/atelier{EVIL}?port={house.port}"
    reply = world.here.ask(house.local, request("GET", target, host))
    assert reply.status == 200
    assert "sandbox" in reply.all("content-security-policy")
    assert reply.get("x-content-type-options") == "nosniff"
    assert reply.all("service-worker-allowed") == reply.all("clear-site-data") == []
    shown = request(
        "GET", f"/atelier{EVIL}?port={house.port}", host, *_PAGE, "Sec-Fetch-Site: none"
    )
    reply = world.here.ask(house.local, shown)
    assert reply.status == 302
    assert reply.get("location").startswith(f"http://{house.at('atelier.localhost')}/")


def _sets_cookies(world: World) -> None:
    house = world.house
    for host, prefix in (("atelier.localhost", ""), ("localhost", "/atelier")):
        asked = request("GET", f"{prefix}{EVIL}?port={house.port}", house.at(host))
        reply = world.here.ask(house.local, asked)
        (kept,) = reply.all("set-cookie")
        assert kept.startswith("fine=1")


def _go(by: Seat, to: Address, house: House, cookie: str, project: str) -> str:
    """Return the target, on the project's host, that the dashboard's link leads to."""
    link = quote(f"http://{house.at(f'{project}.localhost')}/", safe="")
    reply = by.ask(to, request("GET", f"/.ocr/go?to={link}", house.at("localhost"), cookie))
    assert reply.status == 303, reply
    there = urlsplit(reply.get("location"))
    assert there.netloc == house.at(f"{project}.localhost")
    assert parse_qs(there.query)["ticket"]
    assert reply.get("referrer-policy") == "no-referrer"
    return f"{there.path}?{there.query}"


def _tickets(world: World) -> None:
    house, to = world.house, world.far(world.house)
    cookie = session(world.abroad, to, house.at("localhost"), house.password)

    def enter(by: Seat, at: Address, target: str, project: str = "atelier") -> Reply:
        return by.ask(at, request("GET", target, house.at(f"{project}.localhost")))

    def go() -> str:
        return _go(world.abroad, to, house, cookie, "atelier")

    for reply in (
        enter(world.stranger, house.local, go()),
        enter(world.abroad, (world.cable.here6, house.port), go()),
        enter(world.abroad, to, go(), "kiosk"),
        enter(world.abroad, to, "/.ocr/enter?ticket=x&to=/"),
    ):
        assert (reply.status, reply.all("set-cookie")) == (303, [])
    ticket = go()
    good, again = enter(world.abroad, to, ticket), enter(world.abroad, to, ticket)
    assert (good.status, len(good.all("set-cookie"))) == (200, 1)
    assert (again.status, again.all("set-cookie")) == (303, [])
    assert good.get("referrer-policy") in {"no-referrer", "origin"}
    assert world.received(world.atelier, "ticket") == []


def _cookie_flags(world: World) -> None:
    house, to = world.house, world.far(world.house)
    (cookie,) = log_in(world.abroad, to, house.at("localhost"), house.password).all("set-cookie")
    name, *flags = (part.strip().lower() for part in cookie.split(";"))
    assert name.startswith(f"{house.cookie}=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert not any(flag.startswith("domain") for flag in flags)
    sent = f"Cookie: {cookie.partition(';')[0]}"
    assert_in(world.abroad, to, house, sent)
    marks = ("", "Referer: http://evil.example/", f"Referer: http://localhost:{house.port + 1}/")
    for mark in marks:  # to a name that is not local a browser says no more than that
        for target in ("/atelier/path?along", "/api/backends"):
            asked = request("GET", target, house.at("localhost"), sent)
            said = asked.replace(SAME_ORIGIN.encode(), mark.encode() or b"X-None: 0")
            assert world.abroad.ask(to, said).status == 403, (mark, target)
    assert world.received(world.atelier, "along") == []


SITE, BROWSER = "a page of another site", "the user's browser, on the machine itself"
BAD = "a server that misbehaves"
ROWS = (
    Row("site-rebinds", SITE, "a name of its own that leads here (DNS)", "a shell", _rebinds),
    Row("site-requests", SITE, BROWSER, "something done: any method, any folder", _cross_site),
    Row("site-websocket", SITE, BROWSER, "a terminal", _cross_site_socket),
    Row(
        "site-sends-along",
        SITE,
        BROWSER,
        "a login's cookie sent along",
        _cookie_flags,
        ("network",),
    ),
    Row(
        "page-of-a-project",
        "a project's page",
        "its own host name",
        "other projects, the API",
        _projects_page,
    ),
    Row(
        "page-below-a-path",
        BAD,
        "its path on the router's own host",
        "to script the dashboard",
        _path_mode,
    ),
    Row("backend-sets-cookies", BAD, "its answers", "to set or replace sessions", _sets_cookies),
    Row(
        "ticket-taken",
        "who reads a ticket (history, screen)",
        "any address or host name",
        "a session of a project",
        _tickets,
        ("stranger", "network"),
    ),
)
