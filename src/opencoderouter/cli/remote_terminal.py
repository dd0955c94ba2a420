"""What gets the terminal: ``ocr attach`` and ``ocr login``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_act import one, parsed
from opencoderouter.cli.remote_fleet import Work, failed, say, see_one, unreached, using
from opencoderouter.cli.remote_hosts import Host, complete
from opencoderouter.cli.remote_options import start, taking
from opencoderouter.core.fleet.control import Failed, Foreground
from opencoderouter.core.fleet.model import SessionRef

Meant = Annotated[
    str,
    typer.Argument(
        metavar="SESSION|HOST:DIR",
        help="An id or the beginning of one, HOST:ID, or a directory: its newest session.",
        autocompletion=complete,
    ),
]


@taking
def attach(context: typer.Context, session: Meant) -> int:
    """Attach this terminal to a session, wherever it is. The exit code is that of the program."""
    word = parsed(session)
    _see_terminal("attach")

    async def job(work: Work) -> int:
        ref = one(await work.asked(), word)
        if not isinstance(ref, SessionRef):
            return ref
        return await attached(await work.control.attach(ref))

    return using(start(context), job, (word.host,) if word.host else ())


@taking
def login(context: typer.Context, host: Host) -> int:
    """Do what a host wants of a person before it lets us in: a key, a passphrase, a password."""
    see_one(host)
    _see_terminal("login")

    async def job(work: Work) -> int:
        fleet = await work.asked()
        report = fleet.entries[host].report
        if report is not None and report.reached:
            say(f"{host}: lets us in already")
            return 0
        steps = await work.control.login(host)
        if isinstance(steps, Failed):
            return failed(steps)
        for step in steps:
            say(step.shown)
            if code := await attached(step):
                say(f"this ended with exit code {code}")
                return 1
        return unreached(await work.asked())

    return using(start(context), job, (host,))


async def attached(what: Foreground | Failed) -> int:
    """Run a program that has the terminal, to its end; return its exit code."""
    if isinstance(what, Failed):
        return failed(what)
    with _keys_are_its_own():
        try:
            process = await asyncio.create_subprocess_exec(
                *what.argv, env={**os.environ, **what.environment}
            )
        except OSError as error:
            raise Failure(f"{what.argv[0]}: {error.strerror}") from None
        code = await process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _keys_are_its_own() -> Iterator[None]:
    """Let Ctrl+C and Ctrl+\\ of the terminal end the program only, if that is what it does."""  # noqa: D301 - a key
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in before:
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN this is not inherited
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _see_terminal(command: str) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(f"{command}: needs a terminal", 2)
