"""The commands of ``ocr-router``, and the one place where failures become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from opencoderouter.cli import ask, config, serve, servers
from opencoderouter.cli.failure import Failure

app = typer.Typer(
    name="ocr-router",
    help="Find every OpenCode server of this machine, give each a name, and route to it.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve.serve, serve.demo, config.config):
    app.command()(command)
for command in (servers.start, servers.stop, servers.ps):
    app.command()(command)
for name, command in (("ls", ask.ls), ("resolve", ask.resolve), ("open", ask.open_)):
    app.command(name)(command)


@app.callback()
def _root() -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Failures are one line on stderr."""
    try:
        code = typer.main.get_command(app).main(
            list(arguments), prog_name="ocr-router", standalone_mode=False
        )
    except Failure as failure:
        return _say(str(failure), failure.code)
    except TyperException as error:
        return _say(f"{error.format_message()} (see `ocr-router --help`)", error.exit_code)
    except typer.Abort:
        return _say("interrupted", 130)
    return code if isinstance(code, int) else 0


def _say(text: str, code: int) -> int:
    if text.strip():
        sys.stderr.write(f"ocr-router: {text}\n")
    return code
