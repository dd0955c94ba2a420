"""The API over a real connection: what every caller gets for every question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from tests.fakes import backend
from tests.wire.proxy.own import Router, managing

from opencoderouter import __version__
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Sessions, Status
from opencoderouter.proxy import openapi
from opencoderouter.proxy.context import Network

DOWN = Managed("/srv/down", Status.FAILED, reason="exit 1")
Answer = tuple[int, Any, Any]  # status, body, headers


@pytest.fixture
async def router(tmp_path: Path) -> AsyncIterator[Router]:
    """Serve a router with a server it found, two of one name, and a managed one that is down."""
    made = managing(DOWN)
    made.registry.observe(
        backend("/srv/app", 30001, sessions=Sessions(3, 1)),
        backend("/srv/other/app", 30002),
        backend(f"{tmp_path}/real", 30003),
    )
    made.supervisor.lines = ("one", "<b>two</b>")
    async with made.serving():
        yield made


async def ask(router: Router, method: str, path: str, **more: Any) -> Answer:  # noqa: ANN401
    """Return what the router answers; the body decoded where it is JSON."""
    async with (
        aiohttp.ClientSession(router.url) as client,
        client.request(method, path, allow_redirects=False, **more) as answer,
    ):
        text = await answer.text()
        is_json = answer.content_type == "application/json" and text
        return answer.status, json.loads(text) if is_json else text, answer.headers


async def test_health(router: Router) -> None:
    """Health is what OpenCode's own clients expect of a server, without a ``pid``."""
    status, said, _ = await ask(router, "GET", "/api/health")
    assert status == 200
    assert said.pop("hostname")
    assert said == {
        "healthy": True,
        "version": __version__,
        "username": "ada",
        "backends": 4,
        "session": False,
        "scheme": "http",
        "port": 0,
        "owner": "ada",
        "domain": None,
        "addresses": [],
        "mdns": {"status": "off", "reason": "", "interfaces": []},
        "dns": [],
        "resolver": {"status": "off", "reason": ""},
        "fleet": {"status": "off", "reason": "", "pid": None, "restarts": 0, "hosts": {}},
    }


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Network(dns=("192.0.2.1:53",)), {"status": "on", "reason": ""}),
        (
            Network(dns_reason="port 53 is taken"),
            {"status": "failed", "reason": "port 53 is taken"},
        ),
    ],
)
async def test_health_of_the_resolver(network: Network, said: object) -> None:
    """Health tells whether the DNS server answers, and why it does not."""
    made = Router(network=network)
    async with made.serving():
        assert (await ask(made, "GET", "/api/health"))[1]["resolver"] == said


async def test_backends(router: Router) -> None:
    """All projects are listed by slug, down or not, with links for this caller."""
    _, said, _ = await ask(router, "GET", "/api/backends", headers={"Host": "devbox:81"})
    assert [row["slug"] for row in said] == ["app", "down", "other-app", "real"]
    assert [row["port"] for row in said] == [30001, None, 30002, 30003]
    assert said[0]["url"] == "http://devbox:81/app/"
    assert said[0]["host_url"] == "http://app-ada.local:81/"
    assert said[0]["last_seen"] == "2026-01-02T03:04:05.000Z"
    assert (said[1]["status"], said[1]["reason"]) == ("failed", "exit 1")


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("path=/srv/app", "app"),
        ("path=/srv/app/src/x.py", "app"),
        ("path=/srv//other/./app/../app/", "other-app"),
        ("path=other/app", "other-app"),
        ("path=/nowhere/real&fallback=name", "real"),
        ("path=nowhere/real&fallback=name", "real"),
        ("path=/srv/app&fallback=name", "app"),
        ("path=/srv/app&name=real", "app"),
        ("path=&name=real", "real"),
        ("path=/srv/app&fallback=", "app"),
        ("name=REAL", "real"),
        ("name=other-app", "other-app"),
        ("name=down", "down"),
    ],
)
async def test_resolve(router: Router, query: str, slug: str) -> None:
    """A path or a name leads to one row; the path counts when both are there."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?{query}")
    assert (status, said["slug"]) == (200, slug)


async def test_resolve_symbolic_link(router: Router, tmp_path: Path) -> None:
    """A path through a symbolic link leads to the project that is there."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    _, said, _ = await ask(router, "GET", "/api/resolve", params={"path": f"{tmp_path}/link/x"})
    assert said["slug"] == "real"


async def test_resolve_home(router: Router) -> None:
    """A tilde is the home directory of the router's user."""
    router.registry.observe(backend(str(Path.home() / "mine"), 30009))
    _, said, _ = await ask(router, "GET", "/api/resolve?path=~/mine/src")
    assert said["slug"] == "mine"


@pytest.mark.parametrize(
    "query",
    [
        *("path=/nowhere/real", "path=/", "path=..", "path=nowhere/app", "path=~nobody/app"),
        *("path=/srv/app/..", "path=/nowhere&fallback=name", "path=/%00&name=app", "path=%ff"),
        "name=nope",
    ],
)
async def test_resolve_nothing(router: Router, query: str) -> None:
    """A path that belongs to no project is 404, whatever its last folder is called."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?{query}")
    assert (status, said["error"]) == (404, "not_found")
    assert set(said) == {"error", "detail", "hint", "query"}


@pytest.mark.parametrize("query", ["name=app", "path=app", "path=/nowhere/app&fallback=name"])
async def test_resolve_several(router: Router, query: str) -> None:
    """More than one match is for the caller to choose from."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?{query}")
    assert (status, said["error"]) == (409, "ambiguous")
    assert [row["slug"] for row in said["candidates"]] == ["app", "other-app"]


@pytest.mark.parametrize("query", ["", "?", "?path=", "?name=&path=", "?path=/x&fallback=slug"])
async def test_resolve_no_question(router: Router, query: str) -> None:
    """A question without path and name, or with another fallback, is 400."""
    status, said, _ = await ask(router, "GET", f"/api/resolve{query}")
    assert (status, said["error"]) == (400, "bad_request")


@pytest.mark.parametrize("name", ["/nowhere/real", "~/real", "nowhere/real", "real/", "/"])
@pytest.mark.parametrize("more", ["", "&path=/srv/app", "&path=/nowhere&fallback=name"])
async def test_resolve_path_as_name(router: Router, name: str, more: str) -> None:
    """A path is not a name, though its last folder be one: 400, and the hint says what to ask."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?name={name}{more}")
    assert (status, said["error"]) == (400, "bad_request")
    assert "path=" in said["hint"]


@pytest.mark.parametrize(
    ("verb", "status"), [("start", "starting"), ("stop", "stopped"), ("restart", "starting")]
)
async def test_actions(router: Router, verb: str, status: str) -> None:
    """A managed project's server is started, stopped, restarted; the answer is its row.

    The audit log says who did it.
    """
    code, row, _ = await ask(router, "POST", f"/api/backends/down/{verb}")
    assert (code, row["slug"], row["status"]) == (202, "down", status)
    assert router.supervisor.asked == [(verb, "/srv/down")]
    who = {"project": "down", "origin": "127.0.0.1", "name": "owner"}
    assert router.entry.events == [(f"server_{verb}", who)]


async def test_answer_to_a_stop(router: Router) -> None:
    """A server that has been stopped is not in the answer, though discovery is a little slower."""
    served = backend("/srv/down", 30005)
    router.registry.observe(served)
    loop = asyncio.get_running_loop()
    router.supervisor.then = lambda: loop.call_later(0.05, router.registry.forget, served.listener)
    _, row, _ = await ask(router, "POST", "/api/backends/down/stop")
    assert (row["status"], row["port"], row["managed"]) == ("stopped", None, True)


async def test_answer_to_a_stop_that_is_not_noticed(router: Router) -> None:
    """Where discovery is much slower, the answer comes all the same."""
    router.registry.observe(backend("/srv/down", 30005))
    status, row, _ = await ask(router, "POST", "/api/backends/down/stop")
    assert (status, row["port"]) == (202, 30005)


@pytest.mark.parametrize(
    ("slug", "status", "error"), [("app", 409, "not_managed"), ("x", 404, "unknown_project")]
)
async def test_actions_on_others(router: Router, slug: str, status: int, error: str) -> None:
    """What the router did not start it does not touch."""
    for method, verb in (("POST", "start"), ("POST", "stop"), ("POST", "restart"), ("GET", "log")):
        code, said, _ = await ask(router, method, f"/api/backends/{slug}/{verb}")
        assert (code, said["error"]) == (status, error)
    assert router.supervisor.asked == []


async def test_actions_want_no_form(router: Router) -> None:
    """A form, which any page could send, starts nothing; a JSON body does not matter."""
    code, said, _ = await ask(router, "POST", "/api/backends/down/start", data={"a": "b"})
    assert (code, said["error"], router.supervisor.asked) == (415, "unsupported_media_type", [])
    assert (await ask(router, "POST", "/api/backends/down/start", json={}))[0] == 202


async def test_log(router: Router) -> None:
    """The last output comes as it was printed."""
    said = await ask(router, "GET", "/api/backends/down/log")
    assert said[:2] == (200, {"lines": ["one", "<b>two</b>"]})


GETS = ["/", "/api/health", "/api/backends", "/api/resolve?name=down", "/api/events"]
GETS += ["/api/peers", "/api/fleet", "/api/openapi.json", "/api/backends/down/log"]


@pytest.mark.parametrize("path", GETS)
async def test_head(router: Router, path: str) -> None:
    """HEAD works wherever GET does, with the same headers and no body."""
    status, text, headers = await ask(router, "HEAD", path)
    assert (status, text) == (200, "")
    if path != "/api/events":
        assert headers["Content-Length"] == (await ask(router, "GET", path))[2]["Content-Length"]
    else:
        assert headers["Content-Type"] == "text/event-stream"


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
)
async def test_wrong_method(router: Router, method: str) -> None:
    """Another method than GET is 405, and ``Allow`` says which would do."""
    for path in (*GETS, "/api/metrics"):
        status, said, headers = await ask(router, method, path)
        assert (status, said["error"]) == (405, "method_not_allowed")
        assert headers["Allow"] == "GET,HEAD"


async def test_wrong_method_of_an_action(router: Router) -> None:
    """Following a link starts nothing."""
    status, _, headers = await ask(router, "GET", "/api/backends/down/start")
    assert (status, headers["Allow"], router.supervisor.asked) == (405, "POST", [])


@pytest.mark.parametrize("path", ["/api/", "/api/nope", "/api/health/", "/api/backends/app"])
async def test_unknown_path(router: Router, path: str) -> None:
    """An unknown path of the API is 404 for every method, and never the dashboard."""
    for method in ("GET", "POST", "DELETE"):
        status, said, _ = await ask(router, method, path, headers={"Accept": "text/html"})
        assert (status, said["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", [*GETS, "/api/metrics", "/api/nope", "/.ocr/nope", "/api/resolve"])
async def test_nobody_frames_stores_or_sniffs(router: Router, path: str) -> None:
    """Every answer of the router itself carries the headers that keep it to itself."""
    _, _, headers = await ask(router, "HEAD", path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == ("same-origin" if path == "/" else "no-referrer")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_metrics(router: Router) -> None:
    """Metrics are text that Prometheus reads, in the format it asks for, and say what is there."""
    status, text, headers = await ask(router, "GET", "/api/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'opencoderouter_projects{status="ready"} 3.0' in text.splitlines()
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    _, text, headers = await ask(router, "GET", "/api/metrics", headers=wanted)
    assert headers["Content-Type"].startswith(wanted["Accept"])
    assert (text.endswith("# EOF\n"), headers["Vary"]) == (True, "Accept")


async def test_answers_are_as_described(router: Router) -> None:
    """Rows, candidates, health and errors have the shapes that the document promises."""
    schemas = openapi.document("1", "session")["components"]
    for path, name in {
        "/api/health": "Health",
        "/api/backends": "Backends",
        "/api/resolve?name=real": "Backend",
        "/api/resolve?name=app": "Ambiguous",
        "/api/resolve?name=nope": "NotFound",
        "/api/resolve": "Error",
        "/api/backends/down/log": "Log",
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        jsonschema_rs.validate(schema, (await ask(router, "GET", path))[1])
