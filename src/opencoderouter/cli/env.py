"""``ocr-router env``: what a client needs that goes to a project's server directly."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Any

import typer

from opencoderouter.cli import completion, options
from opencoderouter.cli.api import call, own_router
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

Slug = Annotated[
    str,
    typer.Argument(
        metavar="SLUG",
        help="A project, as `ls` calls it.",
        autocompletion=completion.offering(completion.projects),
    ),
]


@options.taking("port", "tls_cert", "state_dir")
def env(context: typer.Context, slug: Slug) -> None:
    """Print address and credentials of a project's server, for a shell on this machine.

    \b
    eval "$(ocr-router env SLUG)"
    opencode attach "$OPENCODE_SERVER_URL"
    """  # noqa: D301 - the character, which says that lines stay as they are
    from opencoderouter.kernel.marks import PASSWORD, USERNAME

    router = own_router(options.settings(context)[0])
    server = _server(call(router, "/api/backends"), slug)
    username, password = _credentials(server, slug)
    address = f"http://127.0.0.1:{server['port']}"
    told = {USERNAME: username, PASSWORD: password, "OPENCODE_SERVER_URL": address}
    for name, value in told.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _server(rows: list[dict[str, Any]], slug: str) -> dict[str, Any]:
    """Return the server that has the project's route."""
    row = next((row for row in rows if row["slug"] == slug), None)
    if row is None:
        raise Failure(f"{printable(slug)}: there is no such project (`ocr-router ls` lists them)")
    if not row["servers"]:
        raise Failure(f"{slug}: its server is {row['status']}")
    server: dict[str, Any] = row["servers"][0]
    return server


def _credentials(server: dict[str, Any], slug: str) -> tuple[str, str]:
    """Return what is in the environment of the server's process."""
    from opencoderouter.kernel.credentials import credentials
    from opencoderouter.kernel.processes import process

    owner = process(server["pid"]) if server["pid"] is not None else None
    found = None
    if owner is not None and owner.uid == os.getuid():
        found = credentials(owner, server["port"])
    if found is None:
        raise Failure(f"{slug}: its server was not started by ocr-router on this machine")
    return found
