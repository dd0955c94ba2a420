"""Other machines."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.rig import workers
from tests.rig.seat import Address, Reply, Seat
from tests.threats.acts import assert_in, assert_out, is_out, log_in, session
from tests.threats.row import Row
from tests.threats.world import (
    NARROW_PASSWORD,
    OWNER,
    STRANGERS,
    House,
    World,
    basic,
    bearer,
    request,
)

from opencoderouter import __version__
from opencoderouter.core.grant import PEER, Identified, to_json
from opencoderouter.proxy.context import IDENTITY

_FORM = "Content-Type: application/x-www-form-urlencoded"
_PATHS = (
    *("/", "/{0}", "/{0}/", "/{0}/session", "/{0}/event", "/{0}/a/b?c=d", "/{0}%2f", "/%20{0}"),
    *(
        "/api",
        "/api/",
        "/api/backends",
        "/api/backends/{0}",
        "/api/backends/{0}/log",
        "/api/events",
    ),
    *("/api/backends/{0}/start", "/api/metrics", "/api/openapi.json", "/api/resolve?name={0}"),
    *("/api/resolve?path=/home/{0}", "/api/health", "/api/health?{0}", "/api/health/", "/api//"),
    *(
        "/.ocr/login",
        "/.ocr/login?to=/{0}/",
        "/.ocr/logout",
        "/.ocr/enter",
        "/.ocr/enter?ticket={0}",
    ),
    *(
        "/.ocr/go",
        "/.ocr/go?to=http://{0}.localhost/",
        "/.ocr/api/{0}",
        "/.ocr/{0}",
        "/.ocr/../{0}",
    ),
    *("/favicon.ico", "/robots.txt", "/{0}/../api/backends", "/session", "/path", "/global/health"),
    *("/event", "/config", "/{0}?auth_token=b3BlbmNvZGU6eA==", "//{0}", "/a" * 500),
)
_HOSTS = ("localhost", "{0}.localhost", "{0}-" + OWNER + ".local", "198.51.100.7", "{0}.example")
_HTML = "Accept: text/html"


def _no_password(world: World) -> None:
    house = world.house
    for to in (world.far(house), (world.cable.here6, house.port)):
        assert_out(world.abroad, to, house)
        assert_in(world.abroad, to, house, basic(house.password))
        assert_in(world.abroad, to, house, bearer(house.password))
        taken = session(world.abroad, to, house.at("localhost"), house.password)
        assert_in(world.abroad, to, house, taken)


def _forges(world: World) -> None:
    house = world.house
    who = to_json(Identified("127.0.0.1", PEER))
    for field in (f"{IDENTITY}: {who}", f"{IDENTITY.lower()}: {who}", "X-Forwarded-For: 127.0.0.1"):
        assert_out(world.abroad, world.far(house), house, field)
    assert_out(world.abroad, world.far(house), house, *[f"{IDENTITY}: {who}"] * 2)


def _guesses(world: World) -> None:
    house = world.narrow
    to, host = (world.cable.here6, house.port), house.at("localhost")

    def shows(secret: str) -> Reply:
        return world.abroad.ask(to, request("GET", "/api/backends", host, basic(secret)))

    def is_held(number: int) -> bool:
        """Guess once, and then right: that is held because of the guesses."""
        first, right = shows(f"guess-{number}"), shows(NARROW_PASSWORD)
        form = log_in(world.abroad, to, host, NARROW_PASSWORD)
        held = {first.status, right.status, form.status} == {429} and "wrong" in form.body
        return held and all(reply.get("retry-after") for reply in (first, right, form))

    for number in range(6):
        assert shows(f"guess-{number}").status in {401, 429}
    assert any(is_held(number) for number in range(6, 20))
    near = request("GET", "/api/backends", host, basic(NARROW_PASSWORD))
    assert world.abroad.ask(world.far(house), near).status == 200


def _crowds(world: World) -> None:
    house = world.narrow
    _assert_crowded(house, world.abroad, world.far(house), world.here)


def _crowds_here(world: World) -> None:
    house = world.narrow
    _assert_crowded(house, world.stranger, house.local, world.here)


def _assert_crowded(house: House, many: Seat, to: Address, user: Seat) -> None:
    """Assert that most of many strangers are sent away, and the user is served meanwhile."""
    asked = request("GET", "/grotto/session", house.at("localhost"))
    most = STRANGERS + workers.count - 1
    refused, waiting = many.crowd(to, 20, enough=20 - most)
    assert {reply.status for reply in refused} == {503}
    assert all(int(reply.get("retry-after")) > 0 for reply in refused)
    assert 0 < waiting <= most
    assert [user.ask(house.local, asked).status for _ in range(20)] == [200] * 20
    many.leave()


def _floods(world: World) -> None:
    house = world.narrow
    host, own = house.at("localhost"), basic(NARROW_PASSWORD)
    asked = request("GET", "/api/backends", host, own)
    replies = [world.abroad.ask(world.far(house), asked) for _ in range(100)]
    refused = [reply for reply in replies if reply.status in {429, 503}]
    assert replies[0].status == 200
    assert refused
    assert all(int(reply.get("retry-after")) > 0 for reply in refused)
    assert world.here.ask(house.local, request("GET", "/api/backends", host)).status == 200
    project = request("GET", "/grotto/session", host, own)
    assert world.abroad.ask(world.far(house), project).status == 200


def _probes(world: World) -> None:
    house = world.house
    ports = [str(row["port"]) for row in house.router.backends()]
    telling = [OWNER, str(world.folder), __version__, "aiohttp", "Python/", "uvloop", *ports]
    for path in _PATHS:
        for host in _HOSTS:
            for more in ((), (_HTML,)):
                known, unknown = (
                    _answer(world, name, path, host, *more) for name in ("atelier", "nothing")
                )
                assert known.replace("atelier", "nothing") == unknown, (path, host, more)
                assert not re.search(r"(?im)^server:", known), (path, host)
                named = known.replace(house.at("localhost"), "").replace(host.format("atelier"), "")
                assert [word for word in telling if word in named] == [], (path, host, known)


def _answer(world: World, name: str, path: str, host: str, *more: str) -> str:
    asked = request("GET", path.format(name), world.house.at(host.format(name)), *more)
    reply = world.abroad.ask(world.far(world.house), asked)
    assert reply.status in {200, 303, 400, 401, 404, 421} or path == "/.ocr/logout", (path, reply)
    assert reply.status != 200 or path.startswith(("/api/health", "/.ocr/login")), (path, reply)
    return re.sub(r"(?im)^date: .*\r\n", "", reply.raw)


@contextmanager
def _wire(to: Address) -> Iterator[tuple[Address, bytearray]]:
    """Be the network between: whatever passes is heard."""
    heard, server = bytearray(), socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                heard.extend(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with server.accept()[0] as near, socket.create_connection(to) as beyond:
            back = threading.Thread(target=carry, args=(beyond, near))
            back.start()
            carry(near, beyond)
            back.join()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server.getsockname(), heard
    finally:
        thread.join(30)
        server.close()


def _listens(world: World) -> None:
    house = world.secured
    context = ssl.create_default_context(cafile=str(world.folder / "router.pem"))
    body = f"password={house.password}"
    asked = request("POST", "/.ocr/login", house.at("127.0.0.1"), _FORM, "Via: 1.1 me", body=body)
    said = b""
    with (
        _wire(house.local) as (near, heard),
        socket.create_connection(near) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
    ):
        link.sendall(asked)
        with suppress(ssl.SSLEOFError):
            while data := link.recv(65536):
                said += data
    (cookie,) = Reply(said.decode()).all("set-cookie")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == f"__Host-ocr-session-{house.port}"
    assert "; secure" in cookie.lower()
    assert len(heard) > len(asked)
    for secret in (house.password, value, "ocr-session"):
        assert secret.encode() not in heard
    spoken = world.here.ask(house.local, request("GET", "/", house.at("localhost")))
    assert spoken.status == 400


def _warned(world: World) -> None:
    house = world.house
    asked = request("GET", "/", house.at("localhost"), _HTML)
    assert '<p class="readable" >' in world.abroad.ask(world.far(house), asked).body
    assert '<p class="readable" hidden>' in world.stranger.ask(house.local, asked).body


def _replays(world: World) -> None:
    house, host = world.house, world.house.at("localhost")
    taken = session(world.abroad, world.far(house), host, house.password)
    assert_in(world.abroad, world.far(house), house, taken)
    for to, name in (
        ((world.cable.here6, house.port), "localhost"),
        (world.far(house), "127.0.0.1"),
        (world.far(house), "atelier.localhost"),
    ):
        asked = request("GET", "/api/backends", house.at(name), taken)
        assert is_out(world.abroad.ask(to, asked)), (to, name)
    for changed in (taken[:-1], f"{taken}0", taken.replace(".", "A.")):
        assert_out(world.abroad, world.far(house), house, changed)


WHO, WHERE = "another machine", "the network"
ROWS = (
    Row("lan-no-password", WHO, WHERE, "a shell", _no_password, ("network",)),
    Row(
        "lan-forges-identity",
        WHO,
        "the network, with the router's own inner fields",
        "to pass for the user",
        _forges,
        ("network",),
    ),
    Row("lan-guesses", "a guesser", WHERE, "the password", _guesses, ("network",)),
    Row("lan-crowd", "a crowd of connections", WHERE, "that nobody gets in", _crowds, ("network",)),
    Row(
        "local-crowd",
        "a crowd of connections",
        "loopback, by another user",
        "that nobody gets in",
        _crowds_here,
        ("stranger",),
    ),
    Row(
        "lan-flood",
        "a crowd of requests",
        WHERE,
        "a router that does not answer",
        _floods,
        ("network",),
    ),
    Row("lan-probes", WHO, WHERE, "to know names, paths, versions, ports", _probes, ("network",)),
    Row("lan-listens", "an eavesdropper", "the wire, HTTPS", "the password, a session", _listens),
    Row(
        "lan-listens-http",
        "an eavesdropper",
        "the wire, HTTP",
        "the password, a session",
        _warned,
        ("stranger", "network"),
    ),
    Row(
        "lan-replays-cookie",
        "who got hold of a session's cookie",
        "another address or host name",
        "to go on with the session",
        _replays,
        ("network",),
    ),
)
