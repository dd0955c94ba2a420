"""``ocr [HOST]...``: the screen."""

from __future__ import annotations

from difflib import get_close_matches

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import hosts_of
from opencoderouter.cli.remote_hosts import Hosts, known
from opencoderouter.cli.remote_options import Start, start, taking
from opencoderouter.cli.remote_start import show
from opencoderouter.core.printable import printable


@taking
def screen(context: typer.Context, host: Hosts = None) -> int:
    """Show the sessions of all hosts as one live tree."""
    given = hosts_of(host)
    told = start(context)
    _see_no_command(told, given)
    return show(told, given)


def _see_no_command(told: Start, given: tuple[str, ...]) -> None:
    """Raise Failure for what is a command that is misspelt rather than a host."""
    from opencoderouter.cli.remote_app import COMMANDS

    first = given[0] if given else ""
    close = get_close_matches(first, COMMANDS, 1, 0.75)
    if close and first not in (*told.tail, *known(told.ssh_config)):
        raise Failure(
            f"{printable(first)}: no host of ssh's configuration; did you mean `ocr {close[0]}`? "
            f"(`ocr -- {printable(first)}` if it is a host)",
            2,
        )
