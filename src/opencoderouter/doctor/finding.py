"""What a check found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencoderouter.doctor.facts import Facts


class Status(StrEnum):
    """How it is with one thing; the words are part of the JSON output."""

    OK = "ok"
    INFO = "info"  # worth knowing, nothing to mend
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"  # cannot be looked at here; the summary says why


PROBLEMS = frozenset({Status.WARNING, Status.ERROR})


@dataclass(frozen=True, slots=True)
class Mending:
    """A change that is safe and can be undone: ``describe`` says what, ``undo`` is a command.

    ``apply`` raises OSError when it cannot be done.
    """

    describe: str
    apply: Callable[[], object]
    undo: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the report.

    ``evidence`` is what was seen, ``why`` says why it matters, ``mend`` are commands or settings
    that can be used as they stand, ``fix`` is what ``--fix`` offers. A problem has all but the
    last.
    """

    code: str
    status: Status
    summary: str
    evidence: tuple[str, ...] = ()
    why: str = ""
    mend: tuple[str, ...] = ()
    fix: Mending | None = field(default=None, repr=False, compare=False)


Run = Callable[["Facts"], Awaitable[Iterable[Finding]]]


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at. All its findings have its ``code``, which is stable."""

    code: str
    title: str
    run: Run
