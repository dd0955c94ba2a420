"""What became of each directory, in one line for the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.launch.ending import StopOutcome
    from opencoderouter.launch.standalone import StartOutcome


@dataclass(frozen=True, slots=True)
class Line:
    """What to print; on stderr, and exit code 1, when ``failed``."""

    text: str
    failed: bool = False


def started(outcome: StartOutcome) -> Line:
    """Return the line for one directory of ``start``."""
    from opencoderouter.launch import standalone as s

    match outcome:
        case s.Started():
            address = f"http://127.0.0.1:{outcome.port}"
            return Line(f"started  {printable(outcome.directory)}  {address}  (pid {outcome.pid})")
        case s.AlreadyServed():
            return Line(f"serving  {printable(outcome.directory)}  already  (pid {outcome.pid})")
        case s.NotADirectory():
            return Line(
                f"failed   {printable(outcome.path)}: there is no such directory", failed=True
            )
        case s.NoFreePort():
            span = f"{outcome.ports[0]} to {outcome.ports[-1]}"
            return Line(
                f"failed   {printable(outcome.directory)}: no free port in {span} "
                "(--scan-start, --scan-end)",
                failed=True,
            )
        case s.Failed():
            tail = "".join(f"\n           {printable(line)}" for line in outcome.lines[-10:])
            return Line(
                f"failed   {printable(outcome.directory)}: {printable(outcome.reason)}{tail}",
                failed=True,
            )
    assert_never(outcome)


def stopped_all(by_router: Sequence[str], found: Sequence[StopOutcome]) -> list[Line]:
    """Return the lines of ``stop``: what the router stopped, then what was found besides."""
    from opencoderouter.launch.ending import NotServed

    rest = [o for o in found if not (isinstance(o, NotServed) and o.directory in by_router)]
    managed = [Line(f"stopped  {printable(directory)}  (by its router)") for directory in by_router]
    return managed + [stopped(outcome) for outcome in rest]


def stopped(outcome: StopOutcome) -> Line:
    """Return the line for one server of ``stop``."""
    from opencoderouter.launch import ending as e

    where = printable(outcome.directory)
    match outcome:
        case e.Stopped():
            tools = f", {outcome.tools} tool processes with it" if outcome.tools else ""
            return Line(f"stopped  {where}  (pid {outcome.pid}{tools})")
        case e.StillRunning():
            return Line(f"failed   {where}: pid {outcome.pid} does not end", failed=True)
        case e.LeftAlone():
            return Line(
                f"kept     {where}: pid {outcome.pid} is `{outcome.kind}`; it ends with its editor "
                "or terminal",
                failed=True,
            )
        case e.NotServed():
            return Line(f"failed   {where}: no OpenCode server of yours runs there", failed=True)
    assert_never(outcome)
