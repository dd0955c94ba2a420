"""``ocr [HOST]...``: the screen."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import log, reader, run, say, see_host
from opencoderouter.cli.remote_hosts import complete, known
from opencoderouter.cli.remote_options import Start, start, taking
from opencoderouter.core.printable import printable

Hosts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[HOST]...",
        help="Show these instead: aliases of ssh's, or USER@HOST.",
        autocompletion=complete,
    ),
]


@taking
def screen(context: typer.Context, host: Hosts = None) -> int:
    """Show the sessions of all hosts as one live tree."""
    given = tuple(dict.fromkeys(host or ()))
    for name in given:
        see_host(name)
    told = start(context)
    _see_no_command(told, given)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure("the screen needs a terminal; `ocr ls` prints the same without one", 2)
    from opencoderouter.wiring.remote import screen as shown

    file = reader(told)
    log(told)
    _generate(told)
    return run(shown(file, given))


def _see_no_command(told: Start, given: tuple[str, ...]) -> None:
    """Raise Failure for what is a command that is misspelt rather than a host."""
    from opencoderouter.cli.remote_app import COMMANDS

    first = given[0] if given else ""
    close = get_close_matches(first, COMMANDS, 1, 0.75)
    if close and first not in known(told.ssh_config):
        raise Failure(
            f"{printable(first)}: no host of ssh's configuration; did you mean `ocr {close[0]}`? "
            f"(`ocr -- {printable(first)}` if it is a host)",
            2,
        )


def _generate(told: Start) -> None:
    """Write the configuration on the first run; where that cannot be, all is as by default."""
    from opencoderouter.preferences.reader import default_path
    from opencoderouter.preferences.template import generate

    if told.config:
        return
    try:
        generate(default_path())
    except OSError as error:
        say(f"{default_path()} is not written: {error.strerror}")
