"""What `ocr` makes on a host: ``new`` sessions, ``clone``, and servers (``start``, ``restart``)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import Job, Work, say, see_one, told, unreached, using
from opencoderouter.cli.remote_hosts import Host
from opencoderouter.cli.remote_options import start as starting
from opencoderouter.cli.remote_options import taking
from opencoderouter.cli.remote_terminal import attached
from opencoderouter.core.fleet import naming
from opencoderouter.core.fleet.clone import usual_target
from opencoderouter.core.fleet.commands import is_place
from opencoderouter.core.fleet.control import Done, Outcome
from opencoderouter.core.fleet.model import ProjectRef, SessionRef
from opencoderouter.core.printable import printable

Directory = Annotated[
    str, typer.Argument(metavar="DIR", help="A directory there: absolute, or below ~.")
]
Url = Annotated[str, typer.Argument(metavar="URL", help="What git clones.")]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="Where to. [the name of the repository]")
]
Prompt = Annotated[
    str, typer.Option("--prompt", metavar="TEXT", help="What the agent is to do; - reads stdin.")
]
Agent = Annotated[str, typer.Option("--agent", metavar="NAME", help="Which agent is to do it.")]
Attach = Annotated[
    bool, typer.Option("--attach", help="Attach to the session then.", show_default=False)
]

Act = Callable[[Work, ProjectRef], Awaitable[Outcome]]


@taking
def new(
    context: typer.Context,
    host: Host,
    directory: Directory,
    prompt: Prompt = "",
    agent: Agent = "",
    attach: Attach = False,  # noqa: FBT002 - a flag
) -> int:
    """Make a session in a directory of a host, and print its id."""
    project = _project(host, directory)
    if attach and prompt == "-":
        raise Failure("--attach: needs the terminal, which --prompt - reads from", 2)
    text = sys.stdin.read() if prompt == "-" else prompt

    async def job(work: Work) -> int:
        outcome = await work.control.new(project, text, agent)
        if attach and isinstance(outcome, Done):
            say(outcome.summary)
            ref = SessionRef(host, outcome.value, project.directory)
            return await attached(await work.control.attach(ref))
        return told(outcome)

    return _on(context, host, job)


@taking
def clone(context: typer.Context, host: Host, url: Url, target: Target = "") -> int:
    """Clone a repository on a host, and print its directory there."""

    def progress(line: str) -> None:
        typer.echo(f"  {printable(line)}", err=True)

    where = target or usual_target(url)
    if not where:
        raise Failure(f"{printable(url)}: this names no directory, TARGET is needed", 2)

    async def job(work: Work) -> int:
        return told(await work.control.clone(host, url, where, progress))

    return _on(context, host, job)


@taking
def start(context: typer.Context, host: Host, directory: Directory) -> int:
    """Start a server in a directory of a host, and print its port there."""
    return _in(context, host, directory, lambda work, project: work.control.start(project))


@taking
def restart(context: typer.Context, host: Host, directory: Directory) -> int:
    """End the servers of a directory of a host, and start one. What they do is lost."""
    return _in(context, host, directory, lambda work, project: work.control.restart(project))


def _in(context: typer.Context, host: str, directory: str, act: Act) -> int:
    """Do something to a directory of a host; tell what came of it."""
    project = _project(host, directory)

    async def job(work: Work) -> int:
        return told(await act(work, project))

    return _on(context, host, job)


def _on(context: typer.Context, host: str, job: Job) -> int:
    """Do a job on one host, when it is reached."""
    see_one(host)

    async def on(work: Work) -> int:
        return unreached(await work.asked()) or await job(work)

    return using(starting(context), on, (host,))


def _project(host: str, directory: str) -> ProjectRef:
    if not is_place(directory):
        raise Failure(f"{printable(directory)}: must be a directory: /... or ~/...", 2)
    return naming.project(host, directory)
