"""The API in its own words: an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Mapping

from opencoderouter.proxy.schemas import SCHEMAS
from opencoderouter.proxy.view import Json

_ABOUT = """\
Answers are JSON, but for events and metrics; errors are `{error, detail, hint}`. GET answers HEAD \
too. The links in an answer fit the address it was asked at. Pages of other origins are refused. \
Who is on the machine of the router as its own user needs no password."""
_VERBS = ("start", "stop", "restart")
_WHY = {
    400: "A request that makes no sense",
    401: "Nobody who was let in asks",
    403: "A page of another origin asks, or a token that does not lead here",
    404: "There is no such project",
    409: "More than one project is meant, or the router does not manage this one",
    415: "A body that is not JSON",
    421: "The router does not go by this Host",
    429: "Too many wrong passwords, or too many requests",
}
_OPEN = {400: "Error", 403: "Error", 421: "Error", 429: "Error"}  # any request can be refused so
_GATE = {**_OPEN, 401: "Error"}  # any but those that are for nobody in particular
# The first is that of a free client: see `_ABOUT`.
_SECURITY: list[Json] = [{}, {"basic": []}, {"bearer": []}, {"session": []}]


def document(version: str, cookie: str) -> Json:
    """Return the document of this version of the router; ``cookie`` has a login's session."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenCodeRouter", "version": version, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": _SECURITY,
        "paths": _paths(),
        "components": {"schemas": SCHEMAS, "securitySchemes": _schemes(cookie)},
    }


def _schemes(cookie: str) -> Json:
    return {
        "basic": {"type": "http", "scheme": "basic", "description": "The user is `opencode`"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "The password, or a token"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
    }


def _paths() -> Json:
    project = "/api/backends/{slug}"
    return {
        "/api/health": _get("health", "Is the router alive?", _HEALTH, refusals=_OPEN),
        "/api/backends": _get("backends", "All projects, by slug", _json("Backends")),
        "/api/resolve": _get(
            "resolve",
            "The project that a path or a name means",
            _json("Backend", "PeerProject"),
            _QUESTION,
            _UNSURE,
        ),
        "/api/peers": _get("peers", "Other routers of the network", _json("Peers")),
        "/api/fleet": _get("fleet", "The SSH hosts of `ocr`", _json("Fleet")),
        "/api/events": _get("events", "The projects, and what changes", _EVENTS, _LAST_EVENT_ID),
        "/api/metrics": _get("metrics", "What the router has counted, for Prometheus", _METRICS),
        "/api/openapi.json": _get("openapi", "This document", _json("Document")),
        **{f"{project}/{verb}": _post(verb) for verb in _VERBS},
        f"{project}/log": _get("log", "What its server printed", _json("Log"), _SLUG, _UNMANAGED),
    }


def _get(
    name: str,
    summary: str,
    content: Json,
    parameter: Json | None = None,
    errors: Mapping[int, str] | None = None,
    refusals: Mapping[int, str] = _GATE,
) -> Json:
    answers: Json = {"200": {"description": summary, "content": content}}
    refused = {**refusals, **(errors or {})}
    return {"get": _operation(name, summary, answers, parameter, refused)}


def _post(verb: str) -> Json:
    content = _json("Backend")
    answers: Json = {"202": {"description": "The project as it is now", "content": content}}
    summary = f"{verb.capitalize()} the server of a managed project"
    return {
        "post": _operation(verb, summary, answers, _SLUG, {**_GATE, **_UNMANAGED, 415: "Error"})
    }


def _operation(
    name: str, summary: str, answers: Json, parameter: Json | None, errors: Mapping[int, str]
) -> Json:
    refused = {
        str(status): {
            "description": _WHY[status],
            "content": _json(schema),
            **_HEADERS.get(status, {}),
        }
        for status, schema in sorted(errors.items())
    }
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [parameter] if parameter else [],
        "responses": {**answers, **refused},
    }


def _json(*schemas: str) -> Json:
    """Return the content that has one of these shapes."""
    shapes = [{"$ref": f"#/components/schemas/{schema}"} for schema in schemas]
    return {"application/json": {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": shapes}}}


_HEALTH: Json = {
    "application/json": {
        "schema": {
            "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Health", "Alive")],
            "description": "Nobody who was let in learns only that it is",
        }
    }
}
_HEADERS: dict[int, Json] = {
    401: {"headers": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}},
    429: {
        "headers": {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    },
}
_UNSURE = {404: "NotFound", 409: "Ambiguous"}
_UNMANAGED = {404: "Error", 409: "Error"}
_SLUG: Json = {
    "name": "slug",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"},
}
_LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "Send only what came after this event, where it is still known.",
    "schema": {"type": "string"},
}
# One parameter for the whole query, because at least one of two must be there.
_QUESTION: Json = {
    "name": "query",
    "in": "query",
    "required": True,
    "style": "form",
    "explode": True,
    "description": "`path` counts when both are there.",
    "schema": {"$ref": "#/components/schemas/Question"},
}
_METRICS: Json = {
    kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/openmetrics-text")
}
# Before OpenAPI 3.2 the schema of a stream is that of each event.
_EVENTS: Json = {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}}}
