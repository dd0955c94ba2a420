"""Findings as they are shown: a table for people, JSON for programs. All of it is masked."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from opencoderouter import __version__
from opencoderouter.core.printable import printable
from opencoderouter.doctor.finding import PROBLEMS, Check, Finding, Status

_SIGNS = {
    Status.OK: "✓",
    Status.INFO: "•",
    Status.WARNING: "!",
    Status.ERROR: "✗",
    Status.SKIPPED: "–",  # noqa: RUF001 - a dash is meant
}
_COLOURS = {
    Status.OK: "32",
    Status.INFO: "36",
    Status.WARNING: "33",
    Status.ERROR: "31;1",
    Status.SKIPPED: "2",
}
_NARROW = 60  # columns; below, a summary has a line of its own
_LEAST = 20  # columns, however narrow a terminal says it is
_WORD = max(map(len, Status))
_INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class Style:
    """What the terminal can show: its columns, whether it has colours, and more than ASCII."""

    width: int
    colour: bool
    unicode: bool


def masked(finding: Finding, mask: Callable[[str], str]) -> Finding:
    """Return a finding that can be shown: on one line each, without secrets."""

    def clean(text: str) -> str:
        return mask(printable(text))

    return replace(
        finding,
        summary=clean(finding.summary),
        evidence=tuple(map(clean, finding.evidence)),
        why=clean(finding.why),
        mend=tuple(map(clean, finding.mend)),
    )


def table(findings: Sequence[Finding], style: Style) -> str:
    """Return the report for a terminal; what is well has one line.

    What is to be copied (``mend``) is never broken into lines.
    """
    codes = max((len(finding.code) for finding in findings), default=0)
    blocks = [line for finding in findings for line in _block(finding, codes, style)]
    return "\n".join([*blocks, "", _sum(findings)])


def listing(checks: Iterable[Check]) -> str:
    """Return codes and titles of checks."""
    rows = [(check.code, check.title) for check in checks]
    width = max((len(code) for code, _ in rows), default=0)
    return "\n".join(f"{code:{width}}  {title}" for code, title in rows)


def schema() -> str:
    """Return the JSON Schema of ``to_json``."""
    file = files("opencoderouter.doctor") / "schema.json"
    return file.read_text(encoding="utf-8").rstrip("\n")


def listing_json(checks: Iterable[Check]) -> list[dict[str, str]]:
    """Return the same for programs."""
    return [{"code": check.code, "title": check.title} for check in checks]


def to_json(findings: Iterable[Finding]) -> dict[str, object]:
    """Return the report as schema.json describes it."""
    checks = [
        {
            "code": finding.code,
            "status": finding.status,
            "summary": finding.summary,
            "evidence": list(finding.evidence),
            "why": finding.why,
            "mend": list(finding.mend),
        }
        for finding in findings
    ]
    return {"version": __version__, "checks": checks}


def _block(finding: Finding, codes: int, style: Style) -> list[str]:
    sign = f"{_SIGNS[finding.status]} " if style.unicode else ""
    word = _paint(f"{sign}{finding.status:{_WORD}}", finding.status, style)
    if style.width < _NARROW:
        lines = [f"{word}  {finding.code}", *_wrap(finding.summary, "  ", "  ", style)]
    else:
        before = f"{' ' * (len(sign) + _WORD)}  {finding.code:{codes}}  "
        first, *rest = _wrap(finding.summary, before, " " * len(before), style)
        lines = [word + first[len(sign) + _WORD :], *rest]
    return lines if finding.status in {Status.OK, Status.SKIPPED} else lines + _more(finding, style)


def _more(finding: Finding, style: Style) -> list[str]:
    """Return what was seen, why it matters and what mends it, each under its word."""
    hang = _INDENT + " " * 6
    seen = [(text, "seen") for text in finding.evidence]
    why = [(finding.why, "why")] if finding.why else []
    lines = [
        line for text, word in seen + why for line in _wrap(text, f"{_INDENT}{word:6}", hang, style)
    ]
    return lines + [f"{_INDENT}{'mend':6}{text}" for text in finding.mend]


def _wrap(text: str, first: str, rest: str, style: Style) -> list[str]:
    width = max(style.width - 1, len(rest) + _LEAST)
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
    return lines or [first.rstrip()]


def _paint(text: str, status: Status, style: Style) -> str:
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if style.colour else text


def _sum(findings: Sequence[Finding]) -> str:
    counted = Counter(finding.status for finding in findings)
    if not any(counted[status] for status in PROBLEMS):
        made = {finding.code for finding in findings if finding.status is not Status.SKIPPED}
        return f"No problems found ({len(made)} checked)."
    return ", ".join(
        f"{counted[status]} {status}{'s' if counted[status] > 1 else ''}"
        for status in (Status.ERROR, Status.WARNING)
        if counted[status]
    )
