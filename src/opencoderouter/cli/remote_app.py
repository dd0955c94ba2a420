"""The commands of ``ocr``, and the one place where failures become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from opencoderouter import __version__
from opencoderouter.cli import (
    completion,
    remote_act,
    remote_config,
    remote_doctor,
    remote_exec,
    remote_make,
    remote_screen,
    remote_show,
    remote_terminal,
)
from opencoderouter.cli.remote_fleet import INTERRUPTED, Opened, hush
from opencoderouter.cli.remote_options import Start, taking, values
from opencoderouter.cli.remote_trouble import say, tell
from opencoderouter.wiring.clock import clock

if TYPE_CHECKING:
    from opencoderouter.core.fleet.preferences import Preferences

_HELP = """\
The OpenCode sessions of all your SSH hosts as one live tree: `ocr [HOST]...`.

HOST is an alias of ssh's configuration or USER@HOST; without one it is all of them. A word that is
a command is that command (`ocr -- ls` is a host called ls).
"""
_CODES = """\
Exit codes: 0 done; 1 could not be done; 2 the command line is wrong; 3 some hosts, or their
sessions, could not be read; 130 interrupted. Data goes to stdout, all else to stderr.
"""
_COMMANDS = (
    (remote_show.ls, "ls", "Print hosts, projects and sessions."),
    (remote_show.hosts, "hosts", "Print the hosts and their states."),
    (remote_show.sessions, "sessions", "Print the sessions."),
    (remote_show.attention, "attention", "Print what waits for a person, or failed."),
    (remote_terminal.attach, "attach", "Attach this terminal to a session."),
    (remote_make.new, "new", "Make a session."),
    (remote_act.abort, "abort", "Stop what sessions do."),
    (remote_act.archive, "archive", "Archive sessions."),
    (remote_act.delete, "delete", "Export sessions, then delete them."),
    (remote_act.reply, "reply", "Answer what a session asks."),
    (remote_act.open_, "open", "Open a session in the browser."),
    (remote_make.clone, "clone", "Clone a repository on a host."),
    (remote_make.start, "start", "Start a server in a directory of a host."),
    (remote_make.restart, "restart", "Restart the servers of a directory of a host."),
    (remote_exec.exec_, "exec", "Run a command on hosts."),
    (remote_terminal.login, "login", "Do what a host wants before it lets us in."),
    (remote_doctor.doctor, "doctor", "Look at everything that `ocr` needs; say what mends it."),
)
_SCREEN = "[HOST]..."  # no word that can be a host
COMMANDS = (*(name for _, name, _ in _COMMANDS), "config", "completion")


class _Group(TyperGroup):
    """Commands, or hosts for the screen: a shell completes both."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401 - private types
        hosts = self.commands[_SCREEN].params[0].shell_complete(ctx, incomplete)
        return [*super().shell_complete(ctx, incomplete), *hosts]


app = typer.Typer(
    name="ocr",
    cls=_Group,
    help=_HELP,
    epilog=_CODES,
    subcommand_metavar="[HOST]... | COMMAND [ARGS]...",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command, name, summary in _COMMANDS:
    app.command(name, short_help=summary)(command)
app.command(_SCREEN, hidden=True)(remote_screen.screen)
app.add_typer(remote_config.app, name="config")
completion.add(app, "ocr")


def _version(wanted: bool) -> None:  # noqa: FBT001 - as typer calls it
    if wanted:
        typer.echo(f"ocr {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Print the version.", callback=_version, is_eager=True, show_default=False
    ),
]


@app.callback()
@taking
def _root(context: typer.Context, version: Version = False) -> None:  # noqa: FBT002 - a flag
    del context, version


def run(arguments: Sequence[str], start: Start | None = None) -> int:
    """Run one command and return its exit code. Failures are one line on stderr."""
    begun = start or Start(open=_opened, launch=typer.launch, clock=clock)
    words, begun.tail = split(arguments)
    stdout, stderr = sys.stdout, sys.stderr
    try:
        code = typer.main.get_command(app).main(
            words, prog_name="ocr", standalone_mode=False, obj=begun
        )
    except TyperException as error:
        return say(f"{error.format_message()} (see `{_named(error)} --help`)", error.exit_code)
    except typer.Abort:
        return say("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last to be told, whatever it is
        return tell(error)
    except SystemExit:  # words of a shell are completed, or nobody reads any more
        if sys.stdout is stdout:
            raise
        sys.stdout, sys.stderr = stdout, stderr  # typer puts others there when nobody reads
        hush()
        return 0
    return code if isinstance(code, int) else 0


def split(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the arguments with the screen's command where none is named, and what is behind `--`.

    The first word that is neither an option nor the value of one decides. Behind `--` there are
    hosts, or what `exec` is to run, which is no argument of ours.
    """
    words = list(arguments)
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in values() else 1
    if at >= len(words) or words[at] not in (*COMMANDS, _SCREEN):
        behind = words[at + 1 :] if "--" in words[at : at + 1] else []
        return [*words[:at], _SCREEN, *words[at:]], tuple(behind)
    if words[at] == "exec" and "--" in words[at:]:
        end = words.index("--", at)
        return words[:end], tuple(words[end + 1 :])
    return words, ()


def _named(error: TyperException) -> str:
    """Return the command that was used wrongly."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return context.command_path.replace(f" {_SCREEN}", "") if context else "ocr"


def _opened(
    preferences: Preferences, given: Sequence[str], *, exports: Path | None = None
) -> AbstractAsyncContextManager[Opened]:
    from opencoderouter.wiring.remote import opened

    return opened(preferences, given, exports=exports)
