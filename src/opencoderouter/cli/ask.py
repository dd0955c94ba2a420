"""Commands that ask a running router: ``ls``, ``resolve``, ``open``, ``health``."""

from __future__ import annotations

import json
import os
import shutil
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from opencoderouter.cli import completion, options, text
from opencoderouter.cli.api import NoRouter, call, own_router, router_at
from opencoderouter.cli.api import Router as Asked
from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

Router = Annotated[
    str | None,
    typer.Option(
        "--router",
        envvar="OCR_ROUTER",
        metavar="URL",
        help="The router to ask. [this machine's]",
        show_default=False,
        autocompletion=completion.nothing,
    ),
]
Lan = Annotated[
    bool,
    typer.Option("--lan", help="Look at accepted routers of the network, too (`peer add`)."),
]
Project = Annotated[
    str,
    typer.Argument(
        metavar="PROJECT",
        help="A directory, a part of its end, or a name.",
        autocompletion=completion.offering(completion.projects),
    ),
]

Command = Annotated[
    str | None, typer.Argument(metavar="COMMAND", help="serve or dns. [all that run]")
]
Wait = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="DURATION",
        help="How long to ask again until all is well. [0s]",
        show_default=False,
    ),
]


@options.taking("port", "tls_cert", "state_dir")
def ls(context: typer.Context, router: Router = None, json_: options.Json = False) -> None:  # noqa: FBT002 - a flag
    """List the projects of the running router."""
    rows = call(asked(context, router), "/api/backends")
    if json_:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        typer.echo(
            text.table(("PROJECT", "STATUS", "VERSION", "URL", "DIRECTORY"), map(_row, rows))
        )
    else:
        typer.echo(nothing())


@options.taking("port", "tls_cert", "state_dir")
def resolve(
    context: typer.Context,
    project: Project,
    router: Router = None,
    lan: Lan = False,  # noqa: FBT002 - a flag
    json_: options.Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print the URL of a project."""
    row = _resolve(asked(context, router), project, lan=lan)
    typer.echo(json.dumps(row, indent=2) if json_ else printable(row["url"]))


@options.taking("port", "tls_cert", "state_dir")
def open_(context: typer.Context, project: Project, router: Router = None) -> None:
    """Open a project's web page in the browser, and print its address."""
    url = str(_resolve(asked(context, router), project)["host_url"])
    typer.echo(printable(url))
    if not url.startswith(("http://", "https://")):
        raise Failure("the router gave no web address")
    typer.launch(url)


@options.taking("state_dir")
def health(context: typer.Context, command: Command = None, wait: Wait = None) -> None:
    """Ask what runs here whether it is well: exit code 0, or 1 with the reason.

    Each `ocr-router serve` and `ocr-router dns` of this state directory that runs on this machine,
    or in this container, must answer; or those of one COMMAND.
    """
    from opencoderouter.cli.health import COMMANDS, seconds, trouble

    if command not in {None, *COMMANDS}:
        raise Failure(f"COMMAND {printable(str(command))}: must be {' or '.join(COMMANDS)}", 2)
    try:
        within = seconds(wait)
    except ValueError:
        raise Failure(f"--wait {wait}: must be a duration such as 10s", 2) from None
    settings = options.settings(context)[0]
    if reason := trouble(str(settings.state_dir), command or "", within):
        raise Failure(reason)


def nothing() -> str:
    """Return what is said of no projects: how to get one, or why none is seen."""
    from opencoderouter.kernel.namespaces import container_marks

    if container_marks(os.environ) and shutil.which("opencode") is None:
        return "No projects. `ocr-router doctor` tells what this container does not see."
    return "No projects. `ocr-router start DIRECTORY` starts one."


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["slug"], row["status"], row["version"] or "-", row["url"], row["project_path"])


def _resolve(router: Asked, project: str, *, lan: bool = False) -> dict[str, Any]:
    """Ask by path for what is a path (also relative to here), else by name."""
    here = os.path.realpath(os.path.expanduser(project))  # noqa: PTH111 - `~` alone, as a shell does
    is_path = "/" in project or project in {".", ".."} or project.startswith("~")
    by_path = here if is_path and os.path.isdir(here) else project  # noqa: PTH112 - a string stays one
    query = {"path": by_path} if is_path else {"name": project}
    if lan:
        query["scope"] = "lan"
    row = call(router, f"/api/resolve?{urlencode(query, errors='surrogateescape')}")
    if not isinstance(row, dict) or not {"url", "host_url"} <= row.keys():
        raise NoRouter(f"{router.base}: what answers there is not a router")
    return row


def asked(context: typer.Context, router: str | None) -> Asked:
    """Return the router that is named, or this machine's. Raises Failure."""
    return router_at(router) if router is not None else own_router(options.settings(context)[0])
