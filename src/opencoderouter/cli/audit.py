"""``ocr-router audit``: who came in, who was refused, what was started and stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import options, text
from opencoderouter.cli.files import refused

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

Number = Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many of the last.")]
_APART = {"time", "event", "origin"}  # columns of their own


@options.taking("state_dir")
def audit(context: typer.Context, number: Number = 50, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """Print the newest events of the audit log, the last one at the end."""
    from opencoderouter.access.audit import newest

    settings, _ = options.settings(context)
    try:
        events = newest(_path(settings), number)
    except OSError as error:
        raise refused(error, settings) from None
    if json_:
        for event in events:
            typer.echo(json.dumps(event))
    elif events:
        typer.echo(text.table(("TIME", "EVENT", "FROM", "WHAT"), map(_row, events)))
    else:
        typer.echo("Nothing has happened yet.")


def note(settings: Settings, event: str, **facts: object) -> None:
    """Write what a command did into the log. Raises Failure when that cannot be."""
    from opencoderouter.access.audit import Audit

    try:
        with closing(Audit(_path(settings), settings.log_size, later=_never)) as log:
            log.record(event, origin="command line", **facts)
    except OSError as error:
        raise refused(error, settings) from None


def _never(_: float, __: Callable[[], None]) -> None:
    """Call nothing later: a command ends."""


def _path(settings: Settings) -> Path:
    return settings.state_dir / "audit.jsonl"


def _row(event: Mapping[str, object]) -> tuple[str, ...]:
    rest = (f"{name}={value}" for name, value in event.items() if name not in _APART and value)
    columns = (str(event.get(name, "-")) for name in ("time", "event", "origin"))
    return (*columns, " ".join(rest))
