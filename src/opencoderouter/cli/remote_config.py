"""``ocr config``: where the configuration is, what it says, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import put, reader, say
from opencoderouter.cli.remote_options import Json, start, taking
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.preferences.reader import Reader

app = typer.Typer(
    help="Where the configuration is, what it says, and what is wrong with it.",
    short_help="Print, check or write the configuration.",
)


@app.command()
@taking
def path(context: typer.Context) -> None:
    """Print where the file is."""
    put(printable(str(_reader(context).path)))


@app.command(short_help="Print every option as it holds.")
@taking
def show(context: typer.Context, json_: Json = False) -> None:  # noqa: FBT002 - a flag
    """Print every option as it holds, with what it does."""
    from opencoderouter.preferences.template import template

    reading = reader(start(context)).read()
    for problem in reading.problems:
        say(str(problem))
    preferences = reading.preferences
    put(json.dumps(asdict(preferences), indent=2) if json_ else template(preferences).rstrip())


@app.command(short_help="Print what is wrong with the file.")
@taking
def check(context: typer.Context) -> int:
    """Print everything that is wrong with the file, by line; exit code 1 if anything is."""
    found = reader(start(context))
    reading = found.read()
    for one in (*reading.problems, *reading.notes):
        put(str(one))
    if not reading.problems:
        what = "is right" if found.path.exists() else "is not there: all is as by default"
        say(f"{found.path} {what}")
    return int(bool(reading.problems))


@app.command(short_help="Write the file, with all defaults.")
@taking
def init(context: typer.Context) -> None:
    """Write the file with all defaults and a comment for each; never over another."""
    from opencoderouter.preferences.defaults import generate

    where = _reader(context).path
    try:
        is_written = generate(where)
    except OSError as error:
        raise Failure(f"{printable(str(where))}: {error.strerror}") from None
    if not is_written:
        raise Failure(f"{printable(str(where))}: is there already; nothing is changed")
    put(printable(str(where)))


def _reader(context: typer.Context) -> Reader:
    """Return the file, whether or not it is there."""
    from opencoderouter.preferences.reader import Reader, default_path

    chosen = start(context).config
    return Reader(Path(chosen).expanduser() if chosen else default_path())
