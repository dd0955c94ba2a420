"""What a person means who types a session, a directory or a host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Ask, ProjectRef, Session, SessionRef
from opencoderouter.core.fleet.refs import directory_of, session_ref

_WORD = re.compile(r"(?:(?P<host>.+?):)?(?P<rest>[/~].*|[0-9A-Za-z_]+)", re.DOTALL)
_ID = "ses_"


@dataclass(frozen=True, slots=True)
class Word:
    """``[HOST:]SESSION`` or ``HOST:DIRECTORY``, taken apart; ``host`` may be empty."""

    host: str
    rest: str

    @property
    def is_directory(self) -> bool:
        """Tell whether it is a directory: absolute, or below the user's own (``~``)."""
        return self.rest.startswith(("/", "~"))


@dataclass(frozen=True, slots=True)
class NotOne:
    """Nothing is meant by it, or more than one; those are ``candidates``, the newest first."""

    word: str
    candidates: tuple[tuple[str, Session], ...] = ()


def parse(text: str) -> Word | None:
    """Take a word apart; None for what is neither a session nor a directory of a host."""
    match = _WORD.fullmatch(text)
    if match is None or (match["rest"].startswith(("/", "~")) and not match["host"]):
        return None
    return Word(match["host"] or "", match["rest"])


def session(fleet: Fleet, word: Word) -> SessionRef | NotOne:
    """Return the one session that is meant: by its id, by the beginning of one, or by directory.

    The ``ses_`` of an id may be left out. Of a directory it is the newest session that is not
    archived.
    """
    entries = [one for one in fleet.entries.values() if word.host in ("", one.host.alias)]
    found = sorted(
        ((entry.host.alias, one) for entry in entries for one in _meant(entry, word)),
        key=lambda pair: pair[1].updated or 0,
        reverse=True,
    )
    exact = [pair for pair in found if pair[1].id in (word.rest, _ID + word.rest)]
    found = exact or (found[:1] if word.is_directory else found)
    if len(found) == 1:
        return session_ref(*found[0])
    return NotOne(f"{word.host}:{word.rest}" if word.host else word.rest, tuple(found))


def _meant(entry: Entry, word: Word) -> Iterable[Session]:
    if word.is_directory:
        places = {word.rest.rstrip("/") or "/"}
        return (
            one
            for one in entry.sessions
            if one.archived is None and {one.directory, directory_of(one)} & places
        )
    starts = (word.rest, _ID + word.rest)
    return (one for one in entry.sessions if one.id.startswith(starts))


def asks(fleet: Fleet, word: str) -> tuple[tuple[str, Session, Ask], ...]:
    """Return what waits for an answer: on a host, by its alias, or in a session."""
    parsed = parse(word)
    by_host = [
        (entry.host.alias, one, ask)
        for entry in fleet.entries.values()
        if entry.host.alias == word
        for one in entry.sessions
        for ask in one.asks
    ]
    if word in fleet.entries or parsed is None:
        return tuple(by_host)
    meant = session(fleet, parsed)
    if isinstance(meant, NotOne):
        return ()
    entry = fleet.entries[meant.alias]
    return tuple(
        (meant.alias, one, ask) for one in entry.sessions if one.id == meant.id for ask in one.asks
    )


def answers(ask: Ask, words: tuple[str, ...]) -> tuple[tuple[str, ...], ...] | str:
    """Return what is to be answered, or why these words are no answer.

    An option can be said by its number, from 1. A question that takes several gets all words when
    it is the only one; else each question gets one.
    """
    if not ask.questions:
        good = len(words) == 1 and words[0] in ("once", "always", "reject")
        return (words,) if good else "a permission takes once, always or reject"
    if words == ("reject",):
        return ()
    together = len(ask.questions) == 1 and ask.questions[0].multiple
    groups = (words,) if together else tuple((word,) for word in words)
    if len(groups) != len(ask.questions):
        return f"there are {len(ask.questions)} questions: each takes one answer"
    return tuple(
        tuple(_option(one.options, word) for word in group)
        for one, group in zip(ask.questions, groups, strict=True)
    )


def _option(options: tuple[tuple[str, str], ...], word: str) -> str:
    if word.isascii() and word.isdigit() and 0 < int(word) <= len(options):
        return options[int(word) - 1][0]
    same = (label for label, _ in options if label.casefold() == word.casefold())
    return next(same, word)


def is_of(project: str, one: Session) -> bool:
    """Tell whether a session is of this project: a directory, a glob, or the end of one.

    No project means any.
    """
    return not project or any(
        _is_at(place, project) for place in (one.directory, directory_of(one))
    )


def _is_at(directory: str, wanted: str) -> bool:
    if wanted.startswith("/"):
        return directory == (wanted.rstrip("/") or "/") or fnmatchcase(directory, wanted)
    return directory.endswith(f"/{wanted.rstrip('/')}")


def project(alias: str, directory: str) -> ProjectRef:
    """Return a directory of a host, without a slash at its end."""
    return ProjectRef(alias, directory.rstrip("/") or "/")
