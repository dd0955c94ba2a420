"""The document: valid, and about exactly the API that there is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import schemathesis
from aiohttp import web
from tests.fakes import FakeSupervisor
from tests.rig.entry import Entry

from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Listener
from opencoderouter.proxy.api import routes
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.openapi import document
from opencoderouter.registry import Registry

DOCUMENT: Any = document("1.2.3", "ocr-session-8080")


class Quiet:
    """Asks no backend anything."""

    async def busy(self, _: Listener) -> frozenset[str] | None:
        """Know nothing."""
        return None


def operations() -> set[tuple[str, str]]:
    """Return method and path of all that the application answers below ``/api``."""
    app = web.Application()
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    context = Context(
        registry=Registry(),
        supervisor=FakeSupervisor(),
        client=Quiet(),
        names=Names("ada"),
        username="ada",
        boot="boot",
        last_seen=lambda _: seen,
        closing=asyncio.Event(),
        access=Entry().access(),
    )
    app.add_routes(routes(context))
    found = {(r.method.lower(), r.resource.canonical) for r in app.router.routes() if r.resource}
    return {(method, path) for method, path in found if method != "head" and path != "/"}


def test_valid() -> None:
    """It is an OpenAPI 3.1 document, of this version of the router."""
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_every_route_is_described() -> None:
    """Each route has its operation, and each operation its route."""
    described = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == operations()


def test_operations_have_names() -> None:
    """Operations are told apart by their ids."""
    names = [op["operationId"] for item in DOCUMENT["paths"].values() for op in item.values()]
    assert len(names) == len(set(names))


def test_security() -> None:
    """Each operation can be refused to strangers, but for the one that they may ask."""
    answers = {
        op["operationId"]: set(op["responses"])
        for item in DOCUMENT["paths"].values()
        for op in item.values()
    }
    assert {name for name, found in answers.items() if "401" not in found} == {"health"}
    assert all({"403", "429"} <= found for found in answers.values())
    asked = {name for one in DOCUMENT["security"] for name in one}
    assert asked == set(DOCUMENT["components"]["securitySchemes"]) == {"basic", "bearer", "session"}
    assert DOCUMENT["components"]["securitySchemes"]["session"]["name"] == "ocr-session-8080"


def test_references() -> None:
    """Every schema that is referred to is there, and none is for nothing."""
    schemas = DOCUMENT["components"]["schemas"]
    assert set(referred(DOCUMENT)) == set(schemas)


def referred(part: Any) -> list[str]:  # noqa: ANN401 - JSON is anything
    """Return the names in all references."""
    if isinstance(part, list):
        return [name for item in part for name in referred(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
    return own + [name for item in part.values() for name in referred(item)]
