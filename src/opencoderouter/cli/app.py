"""The commands of ``ocr-router``, and the one place where failures become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from opencoderouter import __version__
from opencoderouter.cli import ask, config, serve, servers
from opencoderouter.cli.failure import Failure

app = typer.Typer(
    name="ocr-router",
    help="Find every OpenCode server of this machine, give each a name, and route to it.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    (serve.serve, "serve", "Route to your OpenCode servers; start one in each PROJECT."),
    (serve.demo, "demo", "The same with two stand-in projects, without OpenCode."),
    (config.config, "config", "Print every setting and where it came from."),
    (servers.start, "start", "Start a server in each DIR, without a router."),
    (servers.stop, "stop", "Stop the servers of each DIR, or --all of yours."),
    (servers.ps, "ps", "List your OpenCode servers, without a router."),
    (ask.ls, "ls", "List the projects of the running router."),
    (ask.resolve, "resolve", "Print the URL of a project."),
    (ask.open_, "open", "Open a project's web page."),
)
for command, name, summary in _COMMANDS:
    app.command(name, short_help=summary)(command)


def _version(wanted: bool) -> None:  # noqa: FBT001 - as typer calls it
    if wanted:
        typer.echo(f"ocr-router {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Print the version.", callback=_version, is_eager=True, show_default=False
    ),
]


@app.callback()
def _root(version: Version = False) -> None:  # noqa: FBT002 - a flag
    del version


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Failures are one line on stderr."""
    try:
        code = typer.main.get_command(app).main(
            list(arguments) or ["--help"], prog_name="ocr-router", standalone_mode=False
        )
    except Failure as failure:
        return _say(str(failure), failure.code)
    except TyperException as error:
        return _say(f"{error.format_message()} (see `{_named(arguments)} --help`)", error.exit_code)
    except typer.Abort:
        return _say("interrupted", 130)
    return code if isinstance(code, int) else 0


def _named(arguments: Sequence[str]) -> str:
    """Return the command that a wrong argument was given to."""
    first = arguments[0] if arguments else ""
    known = first in {name for _, name, _ in _COMMANDS}
    return f"ocr-router {first}" if known else "ocr-router"


def _say(text: str, code: int) -> int:
    if text.strip():
        sys.stderr.write(f"ocr-router: {text}\n")
    return code
