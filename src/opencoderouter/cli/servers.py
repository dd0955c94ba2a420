"""Commands that need no router: ``start``, ``stop``, ``ps``. Where one runs, ``stop`` asks it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import completion, options, outcomes, text
from opencoderouter.cli.api import NoRouter, Router, call, own_router
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.program import find_program

if TYPE_CHECKING:
    from opencoderouter.launch.ending import StopOutcome
    from opencoderouter.launch.running import ServerRow
    from opencoderouter.settings import Settings

Directories = Annotated[
    list[str],
    typer.Argument(
        metavar="DIR",
        help="Directories to run `opencode serve` in.",
        autocompletion=completion.directories,
    ),
]
Stopped = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DIR",
        help="Directories whose servers to stop.",
        autocompletion=completion.directories,
    ),
]
_PATIENCE = 2.0  # seconds for one answer of a server that may be busy
All = Annotated[bool, typer.Option("--all", help="Stop all your servers.", show_default=False)]


@options.taking("scan_start", "scan_end", "opencode", "state_dir")
def start(context: typer.Context, directories: Directories) -> int:
    """Start `opencode serve` in each DIR; they run on by themselves. Needs no router."""
    settings, _ = options.settings(context)
    return asyncio.run(_start(settings, directories))


@options.taking("port", "tls_cert", "state_dir")
def stop(context: typer.Context, directories: Stopped = None, all_: All = False) -> int:  # noqa: FBT002 - a flag
    """Stop the OpenCode servers of each DIR, or --all of yours, and the tools they run.

    Those that a running router manages are stopped by it: it would start them again.
    """
    if bool(directories) == all_:
        raise Failure("stop: name directories, or --all", 2)
    wanted = None if all_ else [os.path.realpath(path) for path in directories or ()]
    by_router = _stop_managed(_router(context), wanted)
    found = asyncio.run(_stop(wanted))
    lines = outcomes.stopped_all(by_router, found)
    for line in lines:
        typer.echo(line.text, err=line.failed)
    if not lines:
        typer.echo("No OpenCode server of yours is running.")
    return int(any(line.failed for line in lines))


def ps(json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List your OpenCode servers: pid, port, directory, memory, sessions. Needs no router."""
    rows = asyncio.run(_servers())
    if json_:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        head = ("PID", "PORT", "KIND", "MEMORY", "SESSIONS", "DIRECTORY")
        typer.echo(text.table(head, map(_cells, rows)))
    else:
        typer.echo("No OpenCode server of yours is running.")


def _router(context: typer.Context) -> Router | None:
    """Return the router to ask; None, and a warning, when it cannot be asked: stop anyway."""
    try:
        return own_router(options.settings(context)[0])
    except Failure as failure:
        typer.echo(f"ocr-router: {failure} (no router is asked)", err=True)
        return None


def _stop_managed(router: Router | None, directories: list[str] | None) -> list[str]:
    """Have our running router stop these of its projects (all for None); return which it did."""
    if router is None:
        return []
    try:
        rows = call(router, "/api/backends")
    except NoRouter:
        return []
    chosen = [
        row
        for row in rows
        if row["managed"]
        and row["status"] != "stopped"
        and (not directories or row["project_path"] in directories)
    ]
    for row in chosen:
        call(router, f"/api/backends/{row['slug']}/stop", "POST")
    return [row["project_path"] for row in chosen]


async def _start(settings: Settings, directories: list[str]) -> int:
    from opencoderouter.kernel.sockets import kernel_listeners
    from opencoderouter.launch import standalone
    from opencoderouter.wiring.opencode import opencode_client

    command = (find_program(settings.opencode),)
    launch = standalone.Launch(command, settings.ports, settings.state_dir / "logs")
    failed = False
    async with opencode_client(settings.probe_timeout) as client:
        async for outcome in standalone.start(directories, launch, kernel_listeners(), client):
            line = outcomes.started(outcome)
            typer.echo(line.text, err=line.failed)
            failed |= line.failed
    return int(failed)


async def _stop(directories: list[str] | None) -> list[StopOutcome]:
    from opencoderouter.kernel.sockets import kernel_listeners
    from opencoderouter.launch import ending
    from opencoderouter.wiring.opencode import opencode_client

    async with opencode_client(_PATIENCE) as client:
        return await ending.stop(directories, kernel_listeners(), client)


async def _servers() -> list[ServerRow]:
    from opencoderouter.kernel.sockets import kernel_listeners
    from opencoderouter.launch import running
    from opencoderouter.wiring.opencode import opencode_client

    async with opencode_client(_PATIENCE) as client:
        return await running.servers(kernel_listeners(), client)


def _cells(row: ServerRow) -> tuple[str, ...]:
    return (
        str(row.pid),
        str(row.port or "-"),
        row.kind,
        text.size(row.memory),
        text.sessions(row.sessions),
        row.directory or "-",
    )
