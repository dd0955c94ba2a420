"""``ocr-router peer``: which other routers of the network are to be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import audit, options, text
from opencoderouter.cli.ask import Router
from opencoderouter.cli.browse import Row, peers
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refused
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.announce.accepted import AcceptedFile
    from opencoderouter.core.peers import Accepted
    from opencoderouter.settings import Settings

app = typer.Typer(
    help="Accept other routers of the network, list them, and accept them no longer.",
    rich_markup_mode=None,
)
Which = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name, host or address, as `browse` shows them.")
]
Label = Annotated[str, typer.Argument(metavar="NAME", help="Its name, as `peer ls` shows it.")]


@app.command("add", short_help="Accept a router.")
@options.taking("port", "tls_cert", "state_dir", "mdns", "mdns_interface")
def add(context: typer.Context, name: Which, router: Router = None) -> None:
    """Accept a router that is heard now: `/api/resolve?name=NAME&scope=lan` finds its projects.

    Its name, port and addresses are pinned, as they are printed. As soon as it has another address
    it has to be accepted again.
    """
    from opencoderouter.announce.accepted import accepted

    settings, _ = options.settings(context)
    row = _meant(peers(context, router), name)
    peer = accepted({key: row.get(key) for key in ("label", "addresses", "port")})
    if peer is None:
        hint = "who announces nothing but projects cannot be accepted"
        raise Failure(f"{printable(name)}: no router is announced there; {hint}")
    with _told(settings):
        _file(settings).add(peer)
    addresses = " ".join(peer.addresses)
    audit.note(settings, "peer_added", name=peer.label, port=peer.port, addresses=addresses)
    typer.echo(f"accepted  {peer.label}  port {peer.port} at {addresses}")


@app.command("ls", short_help="List the accepted routers.")
@options.taking("state_dir")
def ls(context: typer.Context, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List the accepted routers, and what is pinned of each."""
    settings, _ = options.settings(context)
    with _told(settings):
        found = _file(settings).load()
    if json_:
        typer.echo(json.dumps([asdict(peer) for peer in found], indent=2))
    elif found:
        typer.echo(text.table(("ROUTER", "PORT", "ADDRESSES"), map(_cells, found)))
    else:
        typer.echo("No router is accepted. `ocr-router peer add NAME` accepts one.")


@app.command("remove", short_help="Accept a router no longer.")
@options.taking("state_dir")
def remove(context: typer.Context, name: Label) -> None:
    """Accept a router no longer: a running router follows within a second."""
    settings, _ = options.settings(context)
    with _told(settings):
        gone = _file(settings).remove(name.lower())
    if gone is None:
        hint = "`ocr-router peer ls` lists them"
        raise Failure(f"{printable(name)}: no accepted router has this name; {hint}")
    audit.note(settings, "peer_removed", name=gone.label)
    typer.echo(f"removed  {gone.label}")


def _meant(rows: Sequence[Row], name: str) -> Row:
    """Return the router with this label, host or address. Raises Failure unless there is one."""
    wanted = name.lower().removesuffix(".")
    found = [row for row in rows if wanted in (row["label"], row["host"], *row["addresses"])]
    found = [row for row in found if row["label"]] or found[:1]
    if not wanted or not found:
        hint = "`ocr-router browse` lists those that are heard"
        raise Failure(f"{printable(name)}: no router on the network goes by this; {hint}")
    if len(found) > 1:
        labels = ", ".join(printable(row["label"]) for row in found)
        raise Failure(f"{printable(name)}: {len(found)} routers go by this; name one: {labels}")
    return found[0]


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused(error, settings) from None


def _file(settings: Settings) -> AcceptedFile:
    from opencoderouter.announce.accepted import AcceptedFile

    return AcceptedFile(settings.state_dir / "peers.json")


def _cells(peer: Accepted) -> tuple[str, ...]:
    return (peer.label, str(peer.port), " ".join(peer.addresses))
