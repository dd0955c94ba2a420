"""Where secrets could turn up."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

from tests.rig.wait import until
from tests.threats.acts import session
from tests.threats.row import Row
from tests.threats.world import NARROW_PASSWORD, House, World, basic, bearer, request


def _upstream(world: World) -> None:
    house, directory = world.house, world.make("curious")
    token = house.token("curious")
    cookie = session(world.abroad, world.far(house), house.at("localhost"), house.password)
    secrets = (house.password, token, cookie.partition("=")[2])
    with world.server(directory, house.router.scan[-6]):
        house.entry(directory)
        for project in ("curious", "atelier"):
            for secret in secrets[:2]:
                coded = base64.b64encode(f"opencode:{secret}".encode()).decode()
                for target, *fields in (
                    (f"/{project}/session?secret", basic(secret)),
                    (f"/{project}/session?secret", bearer(secret)),
                    (f"/{project}/session?secret&auth_token={coded}", cookie),
                    (f"/{project}/session?secret&auth_token={quote(coded)}", cookie),
                    (f"/{project}/session?secret", f"{cookie}; mine=1"),
                ):
                    asked = request("GET", target, house.at("localhost"), *fields)
                    assert world.abroad.ask(world.far(house), asked).status == 200, target
        own = request("GET", "/curious/session?own", house.at("localhost"), bearer("its-own"))
        assert world.here.ask(house.local, own).status == 200
    got = [*world.received(directory, "secret"), *world.received(world.atelier, "secret")]
    assert len(got) == 20
    for one in got:
        assert "auth_token" not in one.target
        assert set(one.all("cookie")) <= {"mine=1"}
        assert not any(_shows(secret, value) for _, value in one.fields for secret in secrets)
    (passed,) = world.received(directory, "own")
    assert passed.all("authorization") == ["Bearer its-own"]


def _shows(secret: str, text: str) -> bool:
    """Tell whether a text has a secret in it, as it is or as Basic credentials."""
    coded = base64.b64encode(f"opencode:{secret}".encode()).decode().rstrip("=")
    return secret in text or coded in text


def _anywhere(world: World) -> None:
    house, host, to = world.house, world.house.at("localhost"), world.far(world.house)
    token = house.token("anywhere")
    cookie = session(world.abroad, to, host, house.password)
    coded = base64.b64encode(f"opencode:{token}".encode()).decode()
    link = quote(f"http://{house.at('atelier.localhost')}/", safe="")
    gone = world.abroad.ask(to, request("GET", f"/.ocr/go?to={link}", host, cookie))
    ticket = gone.get("location").partition("ticket=")[2].partition("&")[0]
    atelier = house.at("atelier.localhost")
    for asked in (
        request("GET", f"/.ocr/enter?ticket={ticket}&to=/", atelier),
        request("GET", "/atelier/session", host, basic(house.password)),
        request("GET", f"/atelier/session?auth_token={coded}", host, bearer(token)),
        request("GET", f"/atelier/session?auth_token={quote(coded)}", host),
        request("GET", f"/atelier/x#{token}", host),
        request("POST", "/.ocr/logout", host, cookie),
        request("GET", "/last-of-all", host),
    ):
        world.abroad.ask(to, asked)
    until(lambda: "/last-of-all" in house.access_log.read_text())
    own = house.run("env", "atelier").partition("PASSWORD=")[2].split()[0].strip("'")
    secrets = {
        *(house.password, token, token.removeprefix("ocrt_"), ticket, own),
        cookie.partition("=")[2],
    }
    assert all(len(secret) > 15 for secret in secrets), secrets
    told = _told(world, house)
    assert {"log", "access.log", "audit.jsonl", "/api/backends"} <= told.keys()
    for place, text in told.items():
        assert [s for s in secrets if _shows(s, text)] == [], place
        assert coded not in text, place
    narrow = world.narrow
    chosen = [narrow.run("config"), narrow.run("config", "--json"), narrow.router.log.read_text()]
    assert not any(NARROW_PASSWORD in text for text in chosen)
    events = {json.loads(line)["event"] for line in told["audit.jsonl"].splitlines()}
    assert {"router_started", "login", "logout", "token_used", "refused"} <= events


def _told(world: World, house: House) -> dict[str, str]:
    """Return all that a router writes down or tells, but for the file of its secrets."""
    files = [house.router.log, house.access_log, *house.state.glob("*")]
    told = {path.name: path.read_text() for path in files if path.name != "secrets.json"}
    lines = Path("/proc").glob("[0-9]*/cmdline")
    told |= {str(path): text for path in lines if (text := _line(path))}
    for target in ("backends", "health", "metrics", "openapi.json", "resolve?name=atelier"):
        asked = request("GET", f"/api/{target}", house.at("localhost"))
        told[f"/api/{target}"] = world.here.ask(house.local, asked).body
    asked = request("GET", "/api/backends/atelier/log", house.at("localhost"))
    told["output"] = world.here.ask(house.local, asked).body
    commands = (("config",), ("config", "--json"), ("audit",), ("token", "list"), ("ps",), ("ls",))
    return told | {f"ocr-router {command}": house.run(*command) for command in commands}


def _line(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has ended
        return ""


ROWS = (
    Row(
        "backend-reads-secrets",
        "a server that misbehaves",
        "the requests it gets",
        "password, token, session",
        _upstream,
        ("network",),
    ),
    Row(
        "secrets-anywhere",
        "who reads logs, settings, the API, command lines",
        "anywhere",
        "a secret",
        _anywhere,
        ("network",),
    ),
)
