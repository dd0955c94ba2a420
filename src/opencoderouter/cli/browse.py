"""``ocr-router browse``: who else is on the network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from opencoderouter.cli import options, text
from opencoderouter.cli.api import NoRouter, call, own_router, router_at
from opencoderouter.cli.api import Router as Asked
from opencoderouter.cli.ask import Router
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.core.peers import Heard
    from opencoderouter.settings import Settings

Row = dict[str, Any]
_A_WHILE = 2.0  # seconds: who is there answers within one
_FEW = 3  # addresses that are shown
_HEAD = ("ROUTER", "ADDRESS", "VERIFIED", "PROJECT", "VERSION", "URL")
_TEXTS, _OTHERS = {"label", "host", "url", "version"}, {"addresses", "port", "verified", "projects"}
_PROJECT = {"project_name", "version", "url"}
_UNVERIFIED = (
    "Anybody can announce anything: what is not verified may be somebody else's.",
    "`ocr-router peer add ROUTER` accepts a router that you know.",
)


HEARING = {  # what the options of mDNS mean where others are listened to
    "mdns": "Listen to the network where no router runs; a router is asked in any case. [on]",
    "mdns_interface": "Where no router runs, listen on this interface only, or !NAME: not on this"
    " one. [all]",
}


@options.taking("port", "tls_cert", "state_dir", **HEARING)
def browse(context: typer.Context, router: Router = None, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List the other routers of the network and their projects, as they announce themselves.

    The running router is asked; where none runs, the network is listened to for a moment.
    """
    rows = peers(context, router)
    if json_:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        lines = (line for row in rows for line in _lines(row))
        typer.echo(text.fitting(_HEAD, lines, text.columns()))
        if not all(row["verified"] for row in rows):
            typer.echo("\n".join(_wrapped(one) for one in _UNVERIFIED), err=True)
    else:
        typer.echo("No other router is heard on the network.")


def peers(context: typer.Context, router: str | None) -> list[Row]:
    """Return the other routers as the API has them. Raises Failure when nobody can tell."""
    if router is not None:
        return told(router_at(router))
    settings, _ = options.settings(context)
    asked = own_router(settings)
    try:
        return told(asked)
    except NoRouter:
        return _seen(settings)


def told(router: Asked) -> list[Row]:
    """Return the other routers that one hears. Raises NoRouter, and Failure when it cannot hear."""
    rows = call(router, "/api/peers")
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise NoRouter(f"{router.base}: what answers there is not a router")
    if not rows:
        _see_it_listens(router)
    return rows


def _wrapped(words: str) -> str:
    return text.wrapped(words, text.columns())


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or not (row.keys() >= _OTHERS and _is_text(row, _TEXTS)):
        return False
    addresses, projects = row["addresses"], row["projects"]
    return (
        isinstance(addresses, list)
        and all(isinstance(one, str) for one in addresses)
        and isinstance(projects, list)
        and all(isinstance(one, dict) and _is_text(one, _PROJECT) for one in projects)
    )


def _is_text(row: Row, names: set[str]) -> bool:
    return all(isinstance(row.get(name), str) for name in names)


def _see_it_listens(router: Asked) -> None:
    """Raise Failure when a router cannot hear anybody."""
    said = call(router, "/api/health")
    mdns = said.get("mdns") if isinstance(said, dict) else None
    if not isinstance(mdns, dict):
        raise NoRouter(f"{router.base}: what answers there is not a router")
    if mdns.get("status") != "on":
        said = f"mDNS is {mdns.get('status')} ({mdns.get('reason')})"
        raise Failure(f"{router.base}: this router hears nobody: {printable(said)}")


def _seen(settings: Settings) -> list[Row]:
    """Look at the network without a router."""
    from opencoderouter.announce.accepted import AcceptedFile
    from opencoderouter.cli.files import refused
    from opencoderouter.core.announcement import Announcement
    from opencoderouter.core.peers import peers as known
    from opencoderouter.proxy.view import peer_to_json

    if not settings.mdns:
        raise Failure("browse: no router runs, and mDNS is off (--no-mdns)")
    try:
        accepted = AcceptedFile(settings.state_dir / "peers.json").load()
    except OSError as error:
        raise refused(error, settings) from None
    heard = asyncio.run(_heard(settings))
    return [peer_to_json(peer) for peer in known(heard, Announcement(), accepted)]


async def _heard(settings: Settings) -> tuple[Heard, ...]:
    from opencoderouter.announce.browse import Browser
    from opencoderouter.announce.stack import Stack

    stack = Stack(settings.mdns_interface)
    browser = Browser(stack.zeroconf)
    async with asyncio.TaskGroup() as group:
        services = [group.create_task(stack.run()), group.create_task(browser.run())]
        await asyncio.sleep(_A_WHILE)
        status = stack.status.value
        for service in services:
            service.cancel()
    if status.state != "on":
        raise Failure(f"browse: no router runs, and mDNS is {status.state} ({status.reason})")
    return browser.heard.value


def _lines(row: Row) -> Iterator[tuple[str, ...]]:
    """Yield a line for a router, and one for each of its projects."""
    addresses = row["addresses"]
    more = f" +{len(addresses) - _FEW}" if len(addresses) > _FEW else ""
    router = (row["label"] or "-", " ".join(addresses[:_FEW]) + more)
    verified = "yes" if row["verified"] else "no"
    if row["url"]:
        yield (*router, verified, "-", row["version"] or "-", row["url"])
    for one in row["projects"]:
        yield (*router, verified, one["project_name"], one["version"] or "-", one["url"])
