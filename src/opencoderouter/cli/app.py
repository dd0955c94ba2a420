"""The commands of ``ocr-router``, and the one place where failures become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from opencoderouter import __version__
from opencoderouter.cli import (
    ask,
    audit,
    browse,
    completion,
    config,
    dns,
    doctor,
    env,
    password,
    peer,
    serve,
    servers,
    tokens,
    why,
)
from opencoderouter.cli.failure import Failure

_CODES = (
    "Exit codes: 0 done; 1 could not be done; 2 the command line is wrong; 130 interrupted. "
    "Data goes to stdout, all else to stderr."
)
app = typer.Typer(
    name="ocr-router",
    help="Find every OpenCode server of this machine, give each a name, and route to it.",
    epilog=_CODES,
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
    (ask.health, "health", "Tell by the exit code whether what runs here answers."),
    (browse.browse, "browse", "List the other routers of the network."),
    (env.env, "env", "Print a server's address and password, for a shell."),
    (password.password, "password", "Print the router's password, or renew it."),
    (doctor.doctor, "doctor", "Look at everything a router needs; say what mends it."),
    (why.why, "why", "Follow one address to the hop that fails."),
    (audit.audit, "audit", "Print who came in and who was refused."),
)
_NO_FLAG = (
    "--password: there is no such option, others could read it; set OCR_PASSWORD, "
    "or name a file with --password-file"
)
_ASKING = {"ls", "resolve", "open", "browse", "env", "stop", "doctor"}
_ASKED = (
    "A router that asks who you are is shown what OCR_TOKEN holds: a token, or its password. "
    "It asks with --auth always, on other machines, and agents' tools."
)
for command, name, summary in _COMMANDS:
    epilog = _ASKED if name in _ASKING else None
    app.command(name, short_help=summary, epilog=epilog)(command)
app.add_typer(tokens.app, name="token")
app.add_typer(dns.app, name="dns")
app.add_typer(peer.app, name="peer")
completion.add(app, "ocr-router")


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
        if getattr(error, "option_name", "") == "--password":
            return _say(_NO_FLAG, error.exit_code)
        return _say(f"{error.format_message()} (see `{_named(error)} --help`)", error.exit_code)
    except typer.Abort:
        return _say("interrupted", 130)
    return code if isinstance(code, int) else 0


def _named(error: TyperException) -> str:
    """Return the command that was used wrongly."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return context.command_path if context else "ocr-router"


def _say(text: str, code: int) -> int:
    if text.strip():
        sys.stderr.write(f"ocr-router: {text}\n")
    return code
