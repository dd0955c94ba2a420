"""Who has a token, or had something that was good once."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from tests.rig.seat import Reply
from tests.threats.acts import assert_in, assert_out, is_out, session
from tests.threats.row import Need, Row
from tests.threats.world import UPGRADE, World, basic, bearer, request

_STREAM = "Connection: keep-alive"


def _project_token(world: World) -> None:
    house = world.house
    secret = house.token("of-atelier", "--project", "atelier")
    cookie = session(world.abroad, world.far(house), house.at("localhost"), secret)
    for shown in (bearer(secret), basic(secret), cookie):
        asked = _asker(world, shown)
        assert asked("GET", "/atelier/session?mine").status == 200
        assert asked("GET", f"/atelier/session?mine&directory={world.atelier}").status == 200
        for target in (
            "/kiosk/session",
            "/nothing/session",
            "/",
            "/api/backends",
            "/api/events",
            "/api/fleet",
        ):
            assert asked("GET", target).status == 403, target
        assert asked("POST", "/api/backends/atelier/stop").status == 403
        for target in ("directory=/", f"location[directory]={world.kiosk}", "workspace=w"):
            assert asked("GET", f"/atelier/session?left&{target}").status == 403, target
        twice = quote(quote(str(world.kiosk), safe=""), safe="")
        for target in (f"directory={twice}", f"directory={world.atelier}&directory=/"):
            assert asked("GET", f"/atelier/session?left&{target}").status == 403, target
        for field in (f"x-opencode-directory: {world.kiosk}", "X-OpenCode-Directory: %2F"):
            assert asked("GET", "/atelier/session?left", field).status == 403, field
    there = request("GET", "/session", house.at("kiosk.localhost"), bearer(secret))
    assert world.abroad.ask(world.far(house), there).status == 403
    assert world.received(world.atelier, "left") == []


def _read_only(world: World) -> None:
    house = world.house
    secret = house.token("reads", "--read-only")
    asked = _asker(world, bearer(secret))
    assert asked("GET", "/atelier/session?read").status == 200
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert asked(method, "/atelier/session?wrote").status == 403, method
    for target in (
        "/file?path=x",
        "/config",
        "/find?pattern=x",
        "/pty",
        "/x",
        "/session/../config",
    ):
        assert asked("GET", f"/atelier{target}").status == 403, target
    assert asked("GET", "/atelier/session?wrote&directory=/tmp").status == 403
    assert asked("GET", "/atelier/session?wrote", "x-opencode-directory: /tmp").status == 403
    assert asked("GET", "/atelier/pty/x/connect?wrote", *UPGRADE).status == 403
    assert asked("GET", "/atelier/event?wrote", *UPGRADE).status == 403
    assert asked("POST", "/api/backends/atelier/stop").status == 403
    assert asked("GET", "/api/backends/atelier/log").status == 403
    assert world.received(world.atelier, "wrote") == []


def _asker(world: World, shown: str) -> Callable[..., Reply]:
    house = world.house

    def ask(method: str, target: str, *fields: str) -> Reply:
        asked = request(method, target, house.at("localhost"), shown, *fields)
        return world.abroad.ask(world.far(house), asked)

    return ask


def _opened(world: World, *shown: str) -> list[int]:
    """Open an event stream, the router's own one, and a terminal; return their numbers."""
    house, numbers = world.house, list[int]()
    for target, fields, status in (
        ("/atelier/event", (_STREAM,), 200),
        ("/api/events", (_STREAM,), 200),
        ("/atelier/pty/x/connect", UPGRADE, 101),
    ):
        asked = request("GET", target, house.at("localhost"), *fields, *shown)
        number, reply = world.abroad.hold(world.far(house), asked)
        assert reply.status == status, (target, reply)
        numbers.append(number)
    return numbers


def _revoked(world: World) -> None:
    house = world.house
    secret = house.token("revoked")
    cookie = session(world.abroad, world.far(house), house.at("localhost"), secret)
    held = [*_opened(world, bearer(secret)), *_opened(world, cookie)]
    house.run("token", "revoke", "revoked")
    for number in held:
        world.abroad.end(number)
    for shown in (bearer(secret), basic(secret), cookie):
        _assert_out(world, shown)


def _expired(world: World) -> None:
    house = world.house
    secret = house.token("expires", "--expires", "4s")
    held = _opened(world, bearer(secret))
    cookie = session(world.abroad, world.far(house), house.at("localhost"), secret)
    for number in held:
        world.abroad.end(number)
    for shown in (bearer(secret), cookie):
        _assert_out(world, shown)


def _rotated(world: World) -> None:
    house, before = world.house, world.house.password
    cookie = session(world.abroad, world.far(house), house.at("localhost"), before)
    held = [*_opened(world, cookie), *_opened(world, basic(before))]
    house.run("password", "--rotate")
    for number in held:
        world.abroad.end(number)
    for shown in (basic(before), cookie):
        _assert_out(world, shown)
    assert before != house.password
    assert_in(world.abroad, world.far(house), house, basic(house.password))


def _logged_out(world: World) -> None:
    house, host = world.house, world.house.at("localhost")
    cookie = session(world.abroad, world.far(house), host, house.password)
    held = _opened(world, cookie)
    out = world.abroad.ask(world.far(house), request("POST", "/.ocr/logout", host, cookie))
    assert out.status == 303
    for number in held:
        world.abroad.end(number)
    assert_out(world.abroad, world.far(house), house, cookie)


def _assert_out(world: World, shown: str) -> None:
    """Assert that what was good once is not any more; with one try, for failures are counted."""
    house = world.house
    asked = request("GET", "/atelier/session", house.at("localhost"), shown)
    assert is_out(world.abroad.ask(world.far(house), asked)), shown[:20]


WHERE = "anywhere"
NET: tuple[Need, ...] = ("network",)
STAY = "to stay, also in open streams"
ROWS = (
    Row(
        "token-of-project",
        "who holds a project token",
        WHERE,
        "other projects and folders",
        _project_token,
        NET,
    ),
    Row(
        "token-read-only",
        "who holds a read-only token",
        WHERE,
        "to change or run something",
        _read_only,
        NET,
    ),
    Row("token-expired", "who holds an expired token", WHERE, STAY, _expired, NET),
    Row("token-revoked", "who holds a revoked token", WHERE, STAY, _revoked, NET),
    Row("password-rotated", "who knows an old password", WHERE, STAY, _rotated, NET),
    Row(
        "logged-out",
        "who kept a cookie after the logout",
        "the same address",
        "to go on with the session",
        _logged_out,
        NET,
    ),
)
