"""What the router says no with, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from opencoderouter.core.hosts import Authority
from opencoderouter.core.table import Table


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer ``status`` with ``{error, detail, hint}``; ask again after ``wait`` seconds."""

    status: int
    error: str
    detail: str
    hint: str
    wait: int = 0


def absent(slug: str, table: Table) -> Refuse:
    """Say that there is no such project, or that its server does not run."""
    if slug in table.leases.values():
        return down(slug, "is not running", _START)
    return Refuse(
        404, "unknown_project", f"There is no project {slug!r} here.", "`ocr-router ls` lists them."
    )


def starting(slug: str, reason: str) -> Refuse:
    """Say that a server has not answered yet; where there is a reason, that it is not reached."""
    if reason:
        return down(slug, f"is not reached: {reason}", _NAMED)
    return down(slug, "is starting", "Ask again in a moment.")


def down(slug: str, what: str, hint: str) -> Refuse:
    """Say that a project has no server to ask."""
    return Refuse(503, "project_down", f"The server of project {slug!r} {what}.", hint)


def misdirected(authority: Authority) -> Refuse:
    """Say that the Host field names somebody else (RFC 9110 section 15.5.20)."""
    return Refuse(
        421,
        "unknown_host",
        f"This router does not go by the name {authority.host!r}.",
        "Use localhost, an address of this machine, its host name, or a project's own name; "
        "`--allow-host` adds another.",
    )


def forbidden(why: str) -> Refuse:
    """Say what a token does not lead to."""
    return Refuse(
        403, "forbidden", why, "`ocr-router token create` makes a token that leads further."
    )


def held(seconds: float) -> Refuse:
    """Say that passwords are not looked at for so many seconds."""
    return Refuse(
        429,
        "too_many_failures",
        "Too many wrong passwords came from this address.",
        f"Try again in {ceil(seconds)} s.",
        ceil(seconds),
    )


_START = (
    "If the router manages it, it is being started or was stopped: see the dashboard; "
    "else `ocr-router start DIRECTORY` starts it."
)
_NAMED = "See that it runs, and that the URL of its `--backend` is right."
BAD = Refuse(
    400, "bad_request", "Host and request target do not make sense.", "Send one valid Host field."
)
AMBIGUOUS = Refuse(
    400,
    "bad_request",
    "There is more than one Authorization field.",
    "Send one: Basic or Bearer.",
)
NO_WORKERS = Refuse(
    403,
    "no_service_worker",
    "The router passes no service worker on: it would see the logins at this host.",
    "Use the page without one.",
)
FOREIGN = Refuse(
    403,
    "foreign_origin",
    "A page of another origin asked for this.",
    "Open the project at its own address.",
)
