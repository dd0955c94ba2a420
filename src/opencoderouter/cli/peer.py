"""``ocr-router peer``: which other routers of the network are to be trusted."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import audit, completion, options, text
from opencoderouter.cli.api import own_router, router_at
from opencoderouter.cli.ask import Router
from opencoderouter.cli.browse import HEARING, Row, peers, told
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refusing
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.announce.accepted import AcceptedFile
    from opencoderouter.core.peers import Accepted
    from opencoderouter.settings import Settings

app = typer.Typer(
    help="Accept other routers of the network, list them, and accept them no longer.",
    short_help="Choose which other routers of the network are trusted.",
    rich_markup_mode=None,
)
_TRIES, _PAUSE = 20, 0.1  # seconds between; it takes less than one
Which = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Its name, host, address or URL, as `browse` shows them."),
]
Label = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Its name, as `peer ls` shows it.",
        autocompletion=completion.offering(completion.peers),
    ),
]


@app.command("add", short_help="Accept a router.")
@options.taking("port", "tls_cert", "state_dir", **HEARING)
def add(context: typer.Context, name: Which, router: Router = None) -> None:
    """Accept a router that is heard now: `/api/resolve?name=NAME&scope=lan` finds its projects.

    Its name, port and addresses are pinned, as they are printed. As soon as it has another address
    it has to be accepted again. A running router knows it when this command ends.
    """
    from opencoderouter.announce.accepted import accepted

    settings, _ = options.settings(context)
    row = _meant(peers(context, router), name)
    peer = accepted({key: row.get(key) for key in ("label", "addresses", "port")})
    if peer is None:
        hint = "who announces nothing but projects cannot be accepted"
        raise Failure(f"{printable(name)}: no router is announced there; {hint}")
    with refusing(settings):
        _file(settings).add(peer)
    addresses = " ".join(peer.addresses)
    audit.note(settings, "peer_added", name=peer.label, port=peer.port, addresses=addresses)
    typer.echo(f"accepted  {peer.label}  port {peer.port} at {addresses}")
    if not _is_known(context, router, peer.label):
        typer.echo("The router that runs does not know it yet.", err=True)


@app.command("ls", short_help="List the accepted routers.")
@options.taking("state_dir")
def ls(context: typer.Context, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List the accepted routers, and what is pinned of each."""
    settings, _ = options.settings(context)
    with refusing(settings):
        found = _file(settings).load()
    if json_:
        typer.echo(json.dumps([asdict(peer) for peer in found], indent=2))
    elif found:
        head = ("ROUTER", "PORT", "ADDRESSES")
        typer.echo(text.fitting(head, map(_cells, found), text.columns()))
    else:
        typer.echo("No router is accepted. `ocr-router peer add NAME` accepts one.")


@app.command("remove", short_help="Accept a router no longer.")
@options.taking("state_dir")
def remove(context: typer.Context, name: Label) -> None:
    """Accept a router no longer: a running router follows within a second."""
    settings, _ = options.settings(context)
    with refusing(settings):
        gone = _file(settings).remove(name.lower())
    if gone is None:
        hint = "`ocr-router peer ls` lists them"
        raise Failure(f"{printable(name)}: no accepted router has this name; {hint}")
    audit.note(settings, "peer_removed", name=gone.label)
    typer.echo(f"removed  {gone.label}")


def _is_known(context: typer.Context, router: str | None, label: str) -> bool:
    """Wait for the router that was asked to have read whom it is to trust; false: it has not."""
    for _ in range(_TRIES):
        try:
            asked = router_at(router) if router else own_router(options.settings(context)[0])
            rows = told(asked)
        except Failure:  # none runs
            return True
        if any(row["label"] == label and row["verified"] for row in rows):
            return True
        time.sleep(_PAUSE)
    return False


def _meant(rows: Sequence[Row], name: str) -> Row:
    """Return the router that goes by this. Raises Failure unless there is one."""
    wanted = name.lower().removesuffix("/").removesuffix(".")
    found = [row for row in rows if wanted in _names(row)]
    found = [row for row in found if row["label"]] or found[:1]
    if not wanted or not found:
        hint = "`ocr-router browse` lists those that are heard"
        raise Failure(f"{printable(name)}: no router on the network goes by this; {hint}")
    if len(found) > 1:
        labels = ", ".join(printable(row["label"]) for row in found)
        raise Failure(f"{printable(name)}: {len(found)} routers go by this; name one: {labels}")
    return found[0]


def _names(row: Row) -> tuple[str, ...]:
    return (row["label"], row["host"], row["url"].removesuffix("/"), *row["addresses"])


def _file(settings: Settings) -> AcceptedFile:
    from opencoderouter.announce.accepted import AcceptedFile

    return AcceptedFile(settings.state_dir / "peers.json")


def _cells(peer: Accepted) -> tuple[str, ...]:
    return (peer.label, str(peer.port), " ".join(peer.addresses))
