"""Other routers in the API: they are listed, and only verified ones resolve."""

from __future__ import annotations

from collections.abc import AsyncIterator

import jsonschema_rs
import pytest
from tests.fakes import backend
from tests.wire.proxy.others import around
from tests.wire.proxy.own import Router
from tests.wire.proxy.test_api import ask

from opencoderouter.proxy import openapi

SHOP = {
    "slug": "shop",
    "project_name": "shop",
    "project_path": "/home/bob/shop",
    "version": "1.18.33",
    "domain": "shop-bob.local",
    "url": "http://shop-bob.local:8080/",
    "host_url": "http://shop-bob.local:8080/",
    "peer": "ocr-bob-den",
}


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    """Serve a router with the project ``app`` that hears others."""
    made = Router(peers=around())
    made.registry.observe(backend("/srv/app", 30001))
    async with made.serving():
        yield made


async def test_listed(router: Router) -> None:
    """All are listed, each with its projects, and whether it is verified."""
    status, said, headers = await ask(router, "GET", "/api/peers")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    projects = [[one["slug"] for one in peer["projects"]] for peer in said]
    assert [(peer["label"], peer["verified"]) for peer in said] == [
        ("ocr-bob-den", True),
        ("ocr-mallory-pc", False),
        ("", False),
        ("", False),
    ]
    assert projects == [["app", "shop", "wiki-1", "wiki-2"], ["bank-mallory"], ["fake"], ["old"]]
    assert said[0]["projects"][1] == SHOP
    assert {key: said[0][key] for key in said[0] if key != "projects"} == {
        "label": "ocr-bob-den",
        "host": "ocr-bob-den.local",
        "url": "http://ocr-bob-den.local:8080/",
        "addresses": ["192.0.2.7", "2001:db8::7"],
        "port": 8080,
        "scheme": "http",
        "owner": "bob",
        "version": "0.1.0",
        "verified": True,
    }


async def test_nothing_hostile_gets_through(router: Router) -> None:
    """Control characters and marks that turn text are gone, and links are none of theirs."""
    _, said, _ = await ask(router, "GET", "/api/peers")
    mallory = said[1]
    [bank] = mallory["projects"]
    assert mallory["owner"] == ""
    shown = [mallory["version"], bank["project_name"], bank["project_path"], bank["version"]]
    assert shown == ["<img src=x onerror=alert(1)>[2J"] * 4
    assert bank["url"] == bank["host_url"] == "http://bank-mallory.local:8080/"


async def test_nobody_there() -> None:
    """Without others the list is empty."""
    made = Router()
    async with made.serving():
        assert (await ask(made, "GET", "/api/peers"))[:2] == (200, [])


@pytest.mark.parametrize("name", ["shop", "SHOP", "shop-bob"])
async def test_resolved_there(router: Router, name: str) -> None:
    """A verified router's project is found by slug, name and label, where that is asked for."""
    assert (await ask(router, "GET", f"/api/resolve?name={name}&scope=lan"))[:2] == (200, SHOP)
    for scope in ("", "&scope="):
        status, said, _ = await ask(router, "GET", f"/api/resolve?name={name}{scope}")
        assert (status, said["error"]) == (404, "not_found")
        assert "api/peers" not in said["hint"]


async def test_own_ones_come_first(router: Router) -> None:
    """Nobody on the network can take a name from a project of this router."""
    _, said, _ = await ask(router, "GET", "/api/resolve?name=app&scope=lan")
    assert said["project_path"] == "/srv/app"


async def test_several(router: Router) -> None:
    """When a name is that of several projects, they are offered."""
    status, said, _ = await ask(router, "GET", "/api/resolve?name=wiki&scope=lan")
    assert (status, said["error"]) == (409, "ambiguous")
    assert [one["url"] for one in said["candidates"]] == [
        "http://wiki-1-bob.local:8080/",
        "http://wiki-2-bob.local:8080/",
    ]


@pytest.mark.parametrize("name", ["bank-mallory", "fake", "fake-bob", "old", "nope"])
async def test_who_is_not_verified_resolves_nothing(router: Router, name: str) -> None:
    """Neither a stranger's project, nor one that claims to be a verified router's."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?name={name}&scope=lan")
    assert (status, said["error"], said["query"]) == (404, "not_found", name)
    assert ("`ocr-router peer add ocr-mallory-pc`" in said["hint"]) == (name == "bank-mallory")


async def test_a_path_is_of_this_machine(router: Router) -> None:
    """Whatever folder another router says it has, a path never leads there."""
    for query in (
        "path=/home/bob/shop",
        "path=/home/bob/shop&fallback=name",
        "path=shop&name=shop",
    ):
        status, said, _ = await ask(router, "GET", f"/api/resolve?{query}&scope=lan")
        assert (status, said["error"]) == (404, "not_found")


@pytest.mark.parametrize("scope", ["wan", "LAN", "lan%20", "local"])
async def test_unknown_scope(router: Router, scope: str) -> None:
    """There is one other scope."""
    status, said, _ = await ask(router, "GET", f"/api/resolve?name=app&scope={scope}")
    assert (status, said["error"]) == (400, "bad_request")
    assert "`scope`" in said["detail"]


async def test_answers_are_as_described(router: Router) -> None:
    """Lists, projects and candidates have the shapes that the document promises."""
    schemas = openapi.document("1", "session")["components"]
    for path, name in {
        "/api/peers": "Peers",
        "/api/resolve?name=shop&scope=lan": "PeerProject",
        "/api/resolve?name=wiki&scope=lan": "Ambiguous",
        "/api/resolve?name=nope&scope=lan": "NotFound",
        "/api/resolve?name=shop&scope=wan": "Error",
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        jsonschema_rs.validate(schema, (await ask(router, "GET", path))[1])
