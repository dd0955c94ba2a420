"""The DNS server that clients are set up for: where it is, whether it answers, how it is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from opencoderouter.cli import api
from opencoderouter.cli.failure import Failure

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

HERE = ("127.0.0.1:8053", "[::1]:8053")  # where `ocr-router dns` listens
_PATIENCE = 2.0  # seconds for an answer
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a key
Place = tuple[str, int]


def of_router(settings: Settings) -> Place | None:
    """Return where the running router answers DNS questions; None where it does not, or none runs.

    Root does not learn it of a user's router: no port of somebody else's is asked.
    """
    from opencoderouter.fields import listening

    try:
        router = replace(api.own_router(settings), patience=_PATIENCE)
        found = [listening(text) for text in api.call(router, "/api/health")["dns"]]
    except (Failure, ValueError, TypeError, LookupError, AttributeError):
        return None
    return next(map(_near, found), None)


def warning(server: Place, zone: str | None) -> str | None:
    """Return what is to be said when nobody answers at a server; None when somebody does."""
    from opencoderouter.announce.query import ask
    from opencoderouter.core.announcement import PROJECT
    from opencoderouter.fields import format_listening

    answer = ask(*server, f"{PROJECT}.local", "A", within=_PATIENCE)
    if not isinstance(answer, str):
        return None
    where = format_listening(server)
    listen = [] if where in HERE else ["--listen", where]
    command = " ".join(["ocr-router dns", *listen, *_zone(zone)])
    return (
        f"Nobody answers at {where} ({answer}): until somebody does, these names do not resolve "
        f"here. `{command}` starts a server there."
    )


def setup(places: Sequence[Place], zone: str | None) -> str:
    """Return the command that has clients ask a server which listens at these places."""
    from opencoderouter.fields import format_listening

    near = [format_listening(_near(place)) for place in places]
    server = [] if set(near) & set(HERE) else ["--server", near[0]]
    return " ".join(["ocr-router dns setup", *server, *_zone(zone)])


def _near(place: Place) -> Place:
    """Return where this machine finds who listens at a place."""
    return _EVERYWHERE.get(place[0], place[0]), place[1]


def _zone(zone: str | None) -> list[str]:
    return ["--dns-zone", zone] if zone else []
