"""``completion``: what a shell needs to complete the words of a command line, and what it offers.

A shell asks anew at each Tab: nothing here may take long, and what goes wrong offers nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from enum import StrEnum
from io import StringIO
from typing import Annotated, NoReturn

import typer

from opencoderouter.cli.failure import Failure

_PATIENCE = 1.0  # seconds for a router that is asked while a person waits
# Where zsh has loaded the script by itself it is the first Tab already that wants an answer.
_AUTOLOADED = '[[ $zsh_eval_context[-1] != loadautofunc ]] || _{}_completion "$@"'
# bash alone does not run what the program says: it takes words. These are no words to offer.
_TOLD = """\
_{0}_told() {{
    _{0}_completion "$@"
    [[ ${{COMPREPLY-}} != compopt\\ * ]] || {{ ${{COMPREPLY[0]}}; COMPREPLY=(); }}
}}
complete -o default -F _{0}_told {1}"""
_HELP = """\
Print a script by which your shell completes commands, options and names.

To have it in every shell, put its line into its file:

\b
~/.bashrc                   eval "$({0} completion bash)"
~/.zshrc, after compinit    eval "$({0} completion zsh)"
~/.config/fish/config.fish  {0} completion fish | source
"""


class Shell(StrEnum):
    """A shell that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


Taught = Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]


def add(app: typer.Typer, program: str) -> None:
    """Give a program the command, and let it answer the shells that it has taught."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()  # this is how typer comes to know its own shells
    summary = "Print a script that teaches your shell to complete."
    app.command("completion", short_help=summary, help=_HELP.format(program))(completion)


def completion(context: typer.Context, shell: Taught) -> int:
    """Print the script that typer has for this shell. At each Tab it asks the program anew."""
    from typer.completion import shell_complete

    root = context.find_root()
    program = root.info_name or ""
    name = program.replace("-", "_")
    told = StringIO()
    with redirect_stdout(told):
        variable = f"_{name.upper()}_COMPLETE"
        code = shell_complete(root.command, {}, program, variable, f"source_{shell}")
    typer.echo(told.getvalue().strip())  # zsh knows what it is by the first line only
    if shell is Shell.ZSH:
        typer.echo(_AUTOLOADED.format(name))
    if shell is Shell.BASH:
        typer.echo(_TOLD.format(name, program))
    return code


def projects(context: typer.Context) -> Iterable[str]:
    """Return the projects of the router that the command asks."""
    from opencoderouter.cli.api import call
    from opencoderouter.cli.ask import asked
    from opencoderouter.cli.deadline import within
    from opencoderouter.core.slug import is_slug

    router = asked(context, context.params.get("router"))
    found = [row["slug"] for row in within(_PATIENCE, call, router, "/api/backends")]
    return filter(is_slug, found)  # a shell reads it: no router can make it run anything


def tokens(context: typer.Context) -> Iterable[str]:
    """Return the names of this user's tokens."""
    from opencoderouter.cli import options

    settings, _ = options.settings(context)
    return [token.name for token in settings.sources.tokens.load()]


def peers(context: typer.Context) -> Iterable[str]:
    """Return the accepted routers."""
    from opencoderouter.announce.accepted import AcceptedFile
    from opencoderouter.cli import options

    settings, _ = options.settings(context)
    return [peer.label for peer in AcceptedFile(settings.state_dir / "peers.json").load()]


def systems(_: typer.Context) -> Iterable[str]:
    """Return the kinds of clients that ``dns setup`` knows."""
    from opencoderouter.announce.client.recipes import SYSTEMS

    return SYSTEMS


def directories(context: typer.Context, incomplete: str) -> NoReturn:
    """Have the shell offer directories, and no other files."""
    fish = "\n".join(_directories(incomplete))
    _have(context, bash="compopt +o default -o dirnames", zsh="_files -/", fish=fish)


def nothing(context: typer.Context, incomplete: str) -> NoReturn:
    """Have the shell offer nothing, where it would offer files of its own accord."""
    del incomplete
    _have(context, bash="compopt +o default")


def _have(context: typer.Context, **said: str) -> NoReturn:
    """Say it to the shell that asks, past typer, which has words for it only."""
    program = (context.find_root().info_name or "").replace("-", "_").upper()
    shell = os.environ[f"_{program}_COMPLETE"].removeprefix("complete_")
    typer.echo(said.get(shell, ""))
    raise SystemExit


def _directories(incomplete: str) -> Iterable[str]:
    """Return the directories that begin so, as they are typed."""
    head, slash, tail = incomplete.rpartition("/")
    folder = os.path.expanduser(head + slash) or "."  # noqa: PTH111 - this one never raises
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return ()
    return [f"{head}{slash}{name}/" for name in found if name.startswith(tail)]


def offering(
    words: Callable[[typer.Context], Iterable[str]],
) -> Callable[[typer.Context, str], list[str]]:
    """Return what typer asks for words that begin so. What cannot be found out is not offered."""

    def offer(context: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in words(context) if word.startswith(incomplete)]
        except (Failure, OSError, LookupError, TypeError):
            return []

    return offer
