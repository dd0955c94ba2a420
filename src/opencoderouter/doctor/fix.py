"""Applies what can be mended without harm, after asking; says how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opencoderouter.core.printable import printable
from opencoderouter.doctor.finding import Finding, Mending

Confirm = Callable[[str], bool]
Say = Callable[[str], object]


def apply(findings: Iterable[Finding], confirm: Confirm, say: Say) -> bool:
    """Offer each mending there is; tell whether any was applied.

    ``confirm`` gets a question and returns whether to do it; ``say`` gets a line for the user.
    """
    offered = [finding.fix for finding in findings if finding.fix is not None]
    done = [_applied(fix, say) for fix in offered if confirm(f"{printable(fix.describe)}?")]
    return any(done)


def _applied(fix: Mending, say: Say) -> bool:
    try:
        fix.apply()
    except OSError as error:
        say(f"not done: {printable(fix.describe)}: {printable(str(error))}")
        return False
    say(f"done: {printable(fix.describe)}; undone by: {printable(fix.undo)}")
    return True
