"""Hosts on the command line, and those of ssh's configuration for a shell that completes words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opencoderouter.core.fleet.model import LOCAL


def complete(context: typer.Context, incomplete: str) -> list[str]:
    """Return the hosts that begin like this."""
    return [
        host
        for host in known(str(context.params.get("ssh_config") or ""))
        if host.startswith(incomplete)
    ]


def known(config: str = "") -> tuple[str, ...]:
    """Return this machine, and every alias of ssh's configuration or of the file that is named."""
    from opencoderouter.fleet.resolve import SYSTEM, config_path
    from opencoderouter.fleet.ssh_config import aliases, home, system

    path = str(Path(config).expanduser()) if config else ""
    names = aliases(config_path(path), home()).names
    return (LOCAL, *names, *(() if config else system(SYSTEM).names))


Hosts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="HOST",
        help="Only these: aliases of ssh's, patterns of them, or USER@HOST.",
        autocompletion=complete,
        show_default=False,
    ),
]
Host = Annotated[
    str, typer.Argument(metavar="HOST", help="An alias of ssh's.", autocompletion=complete)
]
