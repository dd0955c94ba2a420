"""The shapes of the API's answers, as JSON Schema 2020-12."""

from __future__ import annotations

from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.model import Kind, Status
from opencoderouter.proxy.view import Json


def _object(properties: Json, **more: object) -> Json:
    """Return the schema of an object that has all of these, and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def _of(kind: str | list[str], description: str = "", /, **more: object) -> Json:
    return {"type": kind, **({"description": description} if description else {}), **more}


def _list(schema: str) -> Json:
    return {"type": "array", "items": _ref(schema)}


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _event(name: str, *fields: str) -> Json:
    """Return the schema of one server-sent event, whose data is JSON of this name."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": _ref(name)}
    numbers = {field: _of("string", "{boot}-{version}") for field in fields}
    return _object({"event": {"const": name.lower()}, "data": data, **numbers})


_TEXT = _of("string")
_TIME = _of("string", format="date-time")
_COUNT = _of("integer", minimum=0)
_PORT = _of("integer", minimum=1, maximum=65535)
_STATUS: Json = {
    "type": "string",
    "enum": [status.value for status in Status],
    "description": "`starting`: listens, has not answered yet. `busy`: answers too slowly. "
    "`locked`: wants a password that the router does not know. `failed`: see `reason`. "
    "`stopped`: on request.",
}
_KINDS = [kind.value for kind in Kind]
_ERROR: Json = {
    "error": _of("string", "A word for programs"),
    "detail": _of("string", "What happened, and to what"),
    "hint": _of("string", "What to do"),
}

_BACKEND = _object(
    {
        "slug": _of("string", "The project's name in addresses; it never changes"),
        "project_name": _of("string", "The name of its folder"),
        "project_path": _of("string", "Its directory"),
        "port": {
            **_PORT,
            "type": ["integer", "null"],
            "description": "Where the server that gets requests listens",
        },
        "version": _of(["string", "null"], "OpenCode's; empty when it does not tell"),
        "domain": _of("string", "Its name on the network"),
        "path_prefix": _TEXT,
        "url": _of("string", "Below the address the router was asked at; for clients"),
        "host_url": _of("string", "Under a name of its own; for browsers"),
        "last_seen": _of(["string", "null"], "UTC; null while no server runs", format="date-time"),
        "status": _STATUS,
        "reason": _of("string", "Why it failed, else empty"),
        "kind": {"enum": [*_KINDS, None], "description": "The OpenCode command that serves it"},
        "pid": _of(["integer", "null"], minimum=1),
        "managed": _of("boolean", "Started by the router, so that it can stop and restart it"),
        "sessions": {"anyOf": [_ref("Sessions"), {"type": "null"}]},
        "servers": _of(
            "array", "All servers of the directory; requests go to the first", items=_ref("Server")
        ),
    },
    description="A project: a directory, and the OpenCode servers that work in it",
)

_PEER_PROJECT = _object(
    {
        "slug": _TEXT,
        "project_name": _of("string", "The name of its folder"),
        "project_path": _of("string", "Its directory there; empty when that is not told"),
        "version": _of("string", "OpenCode's; empty when it is not told"),
        "domain": _of("string", "Its name on the network"),
        "url": _of("string", "For clients"),
        "host_url": _of("string", "For browsers; the same"),
        "peer": _of("string", "The router's label"),
    },
    description="A project of another router, as that one announces it",
)
_PEER = _object(
    {
        "label": _of("string", "Its name; empty for one that announces nothing but projects"),
        "host": _of("string", "Its name on the network; empty likewise"),
        "url": _of("string", "Its dashboard; empty likewise"),
        "addresses": {"type": "array", "items": _TEXT},
        "port": _PORT,
        "scheme": {"enum": ["http", "https"]},
        "owner": _of("string", "Whose router it is; empty when it does not tell"),
        "version": _of("string", "The router's; empty when it does not tell"),
        "verified": _of(
            "boolean",
            "Accepted with `ocr-router peer add`, and says what was accepted. "
            "Of others nothing is to be believed",
        ),
        "projects": _list("PeerProject"),
    },
    description="Another router of the network, as it announces itself",
)

_WATCHER: Json = {
    "status": {
        "enum": ["on", "starting", "failed", "off"],
        "description": "`off` without `serve --fleet`. `failed`: it is begun again after a while; "
        "what it has said last is kept.",
    },
    "reason": _of("string", "Why it failed, else empty"),
}
_STATES = [state.value for state in HostState]
_HOST = _object(
    {
        "alias": _of("string", "What `ssh` is given"),
        "label": _of("string", "What it is called"),
        "group": _of("string", "Its group; empty for none"),
        "state": {"enum": [*_STATES, None], "description": "null: not asked yet"},
        "reason": _of("string", "Why it is not reached, else empty"),
        "at": _of(["string", "null"], "When it was asked last, UTC", format="date-time"),
        "version": _of("string", "OpenCode's; empty when it does not tell"),
        "sessions": _of(
            ["integer", "null"], "Those that are not archived; null: not known", minimum=0
        ),
        "busy": _of("integer", "Sessions at work now", minimum=0),
        "waiting": _of("integer", "Sessions that wait for a person", minimum=0),
        "stale": _of("boolean", "Version and sessions are what was seen before"),
    },
    description="A host of `ocr`",
)

SCHEMAS: Json = {
    "Error": _object(_ERROR),
    "NotFound": _object({**_ERROR, "query": _of("string", "What was asked for")}),
    "Ambiguous": _object(
        {
            **_ERROR,
            "candidates": {
                "anyOf": [_list("Backend"), _list("PeerProject")],
                "description": "All of this router, or all of others",
            },
        }
    ),
    "Health": _object(
        {
            "healthy": {"const": True},
            "version": _of("string", "The router's"),
            "username": _of("string", "Whose router it is"),
            "hostname": _of("string", "The machine it runs on"),
            "backends": _COUNT,
            "session": _of("boolean", "Whether the caller logged in by the login page"),
            "scheme": {"enum": ["http", "https"]},
            "port": _of("integer", minimum=0, maximum=65535),
            "owner": _of("string", "Whose router it is, as it stands in host names"),
            "domain": _of(["string", "null"], "Its own name on the network; null without one"),
            "addresses": {
                "type": "array",
                "items": _TEXT,
                "description": "The names on the network have these addresses",
            },
            "mdns": _ref("Mdns"),
            "dns": {
                "type": "array",
                "items": _TEXT,
                "description": "Where it answers DNS questions, ADDRESS:PORT",
            },
            "resolver": _ref("Resolver"),
            "fleet": _ref("FleetHealth"),
        }
    ),
    "Mdns": _object(
        {
            "status": {"enum": ["on", "off", "failed"]},
            "reason": _of("string", "Why it failed, or is off"),
            "interfaces": {"type": "array", "items": _TEXT},
        }
    ),
    "Resolver": _object(
        {
            "status": {"enum": ["on", "off", "failed"]},
            "reason": _of("string", "Why it failed"),
        }
    ),
    "FleetHealth": _object(
        {
            **_WATCHER,
            "pid": _of(["integer", "null"], "Of the watcher", minimum=1),
            "restarts": _of("integer", "How often it was begun again", minimum=0),
            "hosts": {
                "type": "object",
                "propertyNames": {"enum": _STATES},
                "additionalProperties": _COUNT,
                "description": "How many are in which state; those not asked yet are in none",
            },
        }
    ),
    "Fleet": _object({**_WATCHER, "hosts": _list("Host")}),
    "Host": _HOST,
    "Alive": _object({"healthy": {"const": True}}),
    "Backend": _BACKEND,
    "Backends": _list("Backend"),
    "Peers": _list("Peer"),
    "Peer": _PEER,
    "PeerProject": _PEER_PROJECT,
    "Server": _object(
        {
            "port": _PORT,
            "pid": _of(["integer", "null"], minimum=1),
            "kind": {"enum": _KINDS},
            "status": _STATUS,
            "version": _TEXT,
        }
    ),
    "Sessions": _object(
        {"total": _COUNT, "busy": _COUNT, "more": _of("boolean", "There are more than `total`")}
    ),
    "Log": _object({"lines": {"type": "array", "items": _TEXT, "description": "Oldest first"}}),
    "Document": _of("object", "OpenAPI 3.1"),
    "Event": {
        "oneOf": [_event("Snapshot", "id"), _event("Change", "id"), _event("Seen")],
        "description": "`snapshot` comes first, and again to a client that was away for too long. "
        "`change` is one version. `seen` comes every ten seconds without another event.",
    },
    "Snapshot": _object({"now": _TIME, "router": _ref("Health"), "backends": _ref("Backends")}),
    "Change": _object(
        {"changed": _ref("Backends"), "removed": {"type": "array", "items": _of("string", "Slug")}}
    ),
    "Seen": _object({"now": _TIME, "last_seen": {"type": "object", "additionalProperties": _TIME}}),
    "Question": {
        "type": "object",
        "properties": {
            "path": _of("string", "Absolute, below `~`, or the last components of a directory"),
            "name": {**_of("string", "A slug, or the name of a folder"), "pattern": "^[^/]*$"},
            "fallback": {
                "enum": ["name", ""],
                "description": "Take the path's last folder as name",
            },
            "scope": {
                "enum": ["lan", ""],
                "description": "A name that no project here has may be one of a verified router",
            },
        },
        "anyOf": [
            {"required": [key], "properties": {key: {"minLength": 1}}} for key in ("path", "name")
        ],
    },
}
