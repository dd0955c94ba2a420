"""The options of all commands."""

from __future__ import annotations

import inspect

import typer

from opencoderouter.cli.remote_options import taking, values


def test_a_command_takes_them_and_does_not_see_them() -> None:
    """They are in the signature, for typer; the command gets its own arguments only."""

    @taking
    def command(context: typer.Context, word: str) -> str:
        del context
        return word

    names = list(inspect.signature(command).parameters)
    assert names == ["context", "word", "config", "ssh_config", "log_file", "debug"]


def test_which_options_take_a_value() -> None:
    """What follows them is no command."""
    assert values() == {"--config", "--ssh-config", "--log-file"}
