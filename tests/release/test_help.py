"""The help of both programs, which stands in for man pages: complete, tidy, and right."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer

from opencoderouter.cli import app, remote_app
from opencoderouter.settings import Settings

WIDTH = 78  # of a terminal of 80, typer leaves a margin
PROGRAMS = {"ocr-router": app.app, "ocr": remote_app.app}
# Read where they are needed: they are no settings of the router.
VARIABLES = {"OCR_CONFIG", "OCR_PASSWORD", "OCR_ROUTER", "OCR_ROUTER_USER", "OCR_TOKEN"}


def contexts(context: typer.Context, path: str) -> Iterator[tuple[str, typer.Context]]:
    """Yield a command and all below it, but what is hidden, each with what is typed for it."""
    yield path, context
    for name, command in getattr(context.command, "commands", {}).items():
        if not command.hidden:
            below = typer.Context(command, parent=context, info_name=name)
            yield from contexts(below, f"{path} {name}")


def everything() -> dict[str, typer.Context]:
    """Return every command of both programs."""
    found: dict[str, typer.Context] = {}
    for program, made in PROGRAMS.items():
        root = typer.Context(typer.main.get_command(made), info_name=program)
        found |= dict(contexts(root, program))
    return found


COMMANDS = everything()


def page(context: typer.Context) -> str:
    """Return what ``--help`` prints in a terminal of 80 columns."""
    formatter = context.make_formatter()
    formatter.width = WIDTH
    context.command.format_help(context, formatter)
    return formatter.getvalue()


def test_all_are_walked() -> None:
    """Groups and what is in them, of both programs."""
    assert {"ocr-router serve", "ocr-router dns setup", "ocr exec", "ocr config init"} <= {
        *COMMANDS
    }


@pytest.mark.parametrize("path", COMMANDS)
def test_help_is_complete(path: str) -> None:
    """The command, each argument and each option are explained, in whole sentences."""
    context = COMMANDS[path]
    texts = {"itself": context.command.help or ""}
    for parameter in context.command.get_params(context):
        texts[parameter.opts[0]] = getattr(parameter, "help", None) or ""
    bare = {name: re.sub(r"\s+\[.*\]$", "", text.strip()) for name, text in texts.items()}
    unfinished = {name: text for name, text in bare.items() if not text.endswith((".", "?", ")"))}
    examples = {name for name, text in unfinished.items() if "\b\n" in text}
    assert unfinished.keys() == examples, unfinished


@pytest.mark.parametrize("path", COMMANDS)
def test_help_is_tidy(path: str) -> None:
    """Nothing is wider than the terminal, cut off, or broken within a word."""
    text = page(COMMANDS[path])
    assert text.startswith(f"Usage: {path} ")
    for line in text.splitlines():
        assert len(line) <= WIDTH, line
        assert not re.search(r"\w-$", line), line
    _, found, commands = text.partition("\nCommands:\n")
    assert not found or "..." not in commands.partition("\n\n")[0]


@pytest.mark.parametrize("path", COMMANDS)
def test_help_is_right(path: str) -> None:
    """The commands and environment variables that it names are there."""
    text = " ".join(page(COMMANDS[path]).split())
    settings = {f"OCR_{name.upper()}" for name in Settings.model_fields}
    assert {*re.findall(r"\bOCR_[A-Z_]+", text)} <= settings | VARIABLES
    for program, word in re.findall(r"[`(](ocr-router|ocr) ([a-z]+)", text):
        assert f"{program} {word}" in COMMANDS
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
        assert any(f"{option} " in f"{page(one)} " for one in COMMANDS.values()), option


@pytest.mark.parametrize("program", PROGRAMS)
def test_exit_codes_are_told(program: str) -> None:
    """By the program's own help."""
    text = " ".join(page(COMMANDS[program]).split())
    codes = text.partition("Exit codes: ")[2].partition(". ")[0]
    assert re.findall(r"(?:^|; )(\d+) ", codes)[:3] == ["0", "1", "2"]
    assert "130 interrupted" in codes
