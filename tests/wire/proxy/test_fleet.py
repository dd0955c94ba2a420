"""The SSH hosts in the API: to whom they are told, and how the watcher does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import jsonschema_rs
import pytest
from tests.wire.proxy.hosts import HOSTILE, watching
from tests.wire.proxy.own import Router
from tests.wire.proxy.test_api import ask

from opencoderouter.core.fleet.watched import Watching
from opencoderouter.proxy import openapi


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    """Serve a router that watches hosts."""
    made = Router(fleet=watching())
    async with made.serving():
        yield made


async def test_listed(router: Router) -> None:
    """Each host with its state, the reason, and what its sessions do."""
    status, said, headers = await ask(router, "GET", "/api/fleet")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert (said["status"], said["reason"]) == ("on", "")
    web, db, new, key, _ = said["hosts"]
    assert web == {
        "alias": "web",
        "label": "Web",
        "group": "production",
        "state": "online",
        "reason": "",
        "at": "2026-01-02T03:04:05.000Z",
        "version": "1.18.33",
        "sessions": 12,
        "busy": 2,
        "waiting": 1,
        "stale": False,
    }
    assert (db["state"], db["reason"], db["stale"]) == ("unreachable", "timed out", True)
    assert (new["state"], new["at"]) == (None, None)
    assert key["label"] == HOSTILE


async def test_health(router: Router) -> None:
    """Health has the watcher's process, and how many hosts are in which state."""
    _, said, _ = await ask(router, "GET", "/api/health")
    assert said["fleet"] == {
        "status": "on",
        "reason": "",
        "pid": 4711,
        "restarts": 1,
        "hosts": {"auth_required": 1, "host_key_changed": 1, "online": 1, "unreachable": 1},
    }
    router.fleet = Watching("failed", "it ended with exit code 1", restarts=3)
    _, said, _ = await ask(router, "GET", "/api/health")
    assert (said["fleet"]["status"], said["fleet"]["pid"]) == ("failed", None)
    assert said["fleet"]["reason"] == "it ended with exit code 1"


async def test_off() -> None:
    """A router that watches nothing says so."""
    made = Router()
    async with made.serving():
        said = await ask(made, "GET", "/api/fleet")
    assert said[:2] == (200, {"status": "off", "reason": "", "hosts": []})


@pytest.mark.parametrize("fleet", [Watching(), Watching("starting"), watching()])
async def test_answers_are_as_described(fleet: Watching) -> None:
    """Both have the shapes that the document promises."""
    made = Router(fleet=fleet)
    async with made.serving():
        for path, name in {"/api/fleet": "Fleet", "/api/health": "Health"}.items():
            schemas = openapi.document("1", "session")["components"]
            schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
            jsonschema_rs.validate(schema, (await ask(made, "GET", path))[1])
