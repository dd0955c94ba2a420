"""What `ocr` does to sessions: ``abort``, ``archive``, ``delete``, ``reply``, ``open``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import (
    INTERRUPTED,
    PARTIAL,
    Work,
    failed,
    put,
    say,
    told,
    unreached,
    using,
    worst,
)
from opencoderouter.cli.remote_hosts import known as known_hosts
from opencoderouter.cli.remote_options import Yes, start, taking
from opencoderouter.cli.remote_signals import handling
from opencoderouter.core.fleet import naming
from opencoderouter.core.fleet.control import Failed, Outcome
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import Ask, SessionRef
from opencoderouter.core.fleet.model import Session as Seen
from opencoderouter.core.fleet.wording import exactly
from opencoderouter.core.printable import printable
from opencoderouter.wiring.signals import stop_on_signals

_MOST = 20  # candidates that are listed
# In the environment of the tools of a server: of one that was started here, and of any.
_AGENT = ("OCR_SERVER_ID", "OPENCODE")
Sessions = Annotated[
    list[str],
    typer.Argument(metavar="SESSION", help="An id or the beginning of one, or HOST:ID."),
]
Session = Annotated[
    str, typer.Argument(metavar="SESSION", help="An id or the beginning of one, or HOST:ID.")
]
Asked = Annotated[
    str, typer.Argument(metavar="HOST|SESSION", help="Who asks: a session, or the only one there.")
]
Answers = Annotated[
    list[str],
    typer.Argument(
        metavar="ANSWER",
        help="once, always or reject; for a question its option, by number or text, or reject.",
    ),
]
Export = Annotated[
    str,
    typer.Option(
        "--export",
        metavar="DIR",
        help="Where exports go: a directory of yours alone. [in the state directory]",
    ),
]


@taking
def abort(context: typer.Context, session: Sessions) -> int:
    """Stop what sessions do right now; they stay as they are otherwise."""
    return _each(context, session, lambda work, ref: work.control.abort(ref))


@taking
def archive(context: typer.Context, session: Sessions, yes: Yes = False) -> int:  # noqa: FBT002 - a flag
    """Archive sessions: they are not shown any more. OpenCode has no way back."""
    question = None if yes else "Archive these? OpenCode has no way back."
    return _each(context, session, lambda work, ref: work.control.archive(ref), question=question)


@taking
def delete(
    context: typer.Context,
    session: Sessions,
    yes: Yes = False,  # noqa: FBT002 - a flag
    export: Export = "",
) -> int:
    """Export sessions as JSON to this machine, then delete them on their hosts.

    Prints the files. What could not be exported is not deleted.
    """
    question = None if yes else "Export these, then delete them?"
    exports = Path(export).expanduser().absolute() if export else None
    return _each(
        context,
        session,
        lambda work, ref: work.control.delete(ref),
        question=question,
        exports=exports,
    )


@taking
def reply(context: typer.Context, asked: Asked, answer: Answers) -> int:
    """Answer what a session asks: a permission, or a question. A person does that, no agent."""
    if any(name in os.environ for name in _AGENT):
        raise Failure("an agent's tool does not answer for a person; use a terminal of your own", 1)
    begun = start(context)
    word = naming.parse(asked)
    is_host = asked in known_hosts(begun.ssh_config) or word is None
    host = asked if is_host else word.host if word else ""

    async def job(work: Work) -> int:
        fleet = await work.asked()
        waiting = naming.asks(fleet, asked)
        if len(waiting) != 1:
            return _not_one_ask(asked, waiting) or unreached(fleet) or 1
        alias, _, ask = waiting[0]
        said = naming.answers(ask, tuple(answer))
        if isinstance(said, str):
            say(f"{ask.text}: {said}")
            return 2
        _tell(ask, said)
        return told(await work.control.reply(alias, ask, said))

    return using(begun, job, (host,) if host else ())


@taking
def open_(context: typer.Context, session: Session) -> int:
    """Open a session in the browser of this machine, through its host; until Ctrl+C."""
    words = _parsed([session])
    launch = start(context).launch

    async def job(work: Work) -> int:
        ref = one(await work.asked(), words[0])
        if not isinstance(ref, SessionRef):
            return ref
        outcome = await work.control.browse(ref)
        if isinstance(outcome, Failed):
            return failed(outcome)
        stop = stop_on_signals()
        put(outcome.value)
        say("this works until Ctrl+C")
        launch(outcome.value)
        await stop.wait()
        return 0

    return using(start(context), job, _hosts(words))


Act = Callable[[Work, SessionRef], Awaitable[Outcome]]


def _each(
    context: typer.Context,
    texts: Sequence[str],
    act: Act,
    *,
    question: str | None = None,
    exports: Path | None = None,
) -> int:
    """Do the same to several sessions, one after another; none when one of them is not known."""
    words = _parsed(texts)
    if question is not None and not sys.stdin.isatty():
        raise Failure("nobody can be asked, nothing is done (--yes)", 2)

    async def job(work: Work) -> int:
        fleet = await work.asked()
        meant = [one(fleet, word) for word in words]
        refs = [ref for ref in dict.fromkeys(meant) if isinstance(ref, SessionRef)]
        if len(refs) < len(set(meant)):
            return worst(code for code in meant if isinstance(code, int))
        if question is not None and (code := _asked(fleet, refs, question)):
            return code
        return worst([told(await act(work, ref)) for ref in refs])

    return using(start(context), job, _hosts(words), exports=exports)


def _parsed(texts: Sequence[str]) -> list[naming.Word]:
    return [parsed(text) for text in texts]


def parsed(text: str) -> naming.Word:
    """Return what a word may mean. Raises Failure when it can be no session."""
    word = naming.parse(text)
    if word is None:
        raise Failure(f"{printable(text)}: must be a session, HOST:SESSION or HOST:DIRECTORY", 2)
    return word


def _hosts(words: Sequence[naming.Word]) -> tuple[str, ...]:
    """Return the hosts that have to be asked; nothing where it may be any."""
    hosts = tuple(dict.fromkeys(word.host for word in words))
    return () if "" in hosts else hosts


def one(fleet: Fleet, word: naming.Word) -> SessionRef | int:
    """Return the session that is meant; else tell why not, and return the exit code."""
    found = naming.session(fleet, word)
    if isinstance(found, SessionRef):
        return found
    if not found.candidates:
        say(f"{found.word}: there is no such session")
        return PARTIAL if unreached(fleet) else 1
    say(f"{found.word}: this may be one of {len(found.candidates)} sessions")
    for alias, known in found.candidates[:_MOST]:
        _list(alias, known)
    return 1


def _asked(fleet: Fleet, refs: Sequence[SessionRef], question: str) -> int:
    """Ask a person whether it is these that are meant; return the exit code of a no."""
    for ref in refs:
        for seen in fleet.entries[ref.alias].sessions:
            if seen.id == ref.id:
                _list(ref.alias, seen)
    try:
        with handling(_interrupted):  # the loop waits meanwhile
            return 0 if typer.confirm(question, err=True) else 1
    except typer.Abort:
        raise Failure("interrupted", INTERRUPTED) from None


def _interrupted(number: int, _: object) -> NoReturn:
    raise Failure("interrupted" if number == signal.SIGINT else "", 128 + number)


def _not_one_ask(asked: str, waiting: Sequence[tuple[str, Seen, Ask]]) -> int:
    """Tell that nothing waits there, or what all does, which is exit code 1."""
    say(
        f"{asked}: {len(waiting)} things wait for an answer"
        if waiting
        else f"{asked}: nothing waits"
    )
    for alias, known, ask in waiting:
        _list(alias, known)
        for line in _lines(ask):
            typer.echo(f"    {line}", err=True)
    return int(bool(waiting))


def _tell(ask: Ask, answers: tuple[tuple[str, ...], ...]) -> None:
    """Say what is about to be answered, all of it: a list has only its beginning."""
    said = "; ".join(", ".join(map(printable, answer)) for answer in answers) or "reject"
    typer.echo("\n    ".join((f"  {said}:", *_lines(ask))), err=True)


def _lines(ask: Ask) -> Iterator[str]:
    yield exactly(ask.text)
    yield from (f"always: {exactly(pattern)}" for pattern in ask.always)


def _list(alias: str, known: Seen) -> None:
    typer.echo(f"  {printable(f'{alias}:{known.id}  {known.title}')}", err=True)
