"""What became of each directory, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.cli import outcomes
from opencoderouter.cli.outcomes import Line
from opencoderouter.core.model import Kind
from opencoderouter.launch import ending, standalone

LOG = Path("/state/logs/shop.log")


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            standalone.Started("/a/shop", 7, 30001, LOG),
            Line("started  /a/shop  http://127.0.0.1:30001  (pid 7)"),
        ),
        (
            standalone.AlreadyServed("/a/shop", 7, None),
            Line("serving  /a/shop  already  (pid 7)"),
        ),
        (
            standalone.NotADirectory("shop\x1b[2J"),
            Line(r"failed   shop\x1b[2J: there is no such directory", failed=True),
        ),
        (
            standalone.NoFreePort("/a/shop", range(5, 8)),
            Line(
                "failed   /a/shop: no free port in 5 to 7 (--scan-start, --scan-end)", failed=True
            ),
        ),
        (
            standalone.Failed("/a/shop", "it ended", ("one", "two")),
            Line("failed   /a/shop: it ended\n           one\n           two", failed=True),
        ),
    ],
)
def test_started(outcome: standalone.StartOutcome, line: Line) -> None:
    """Success is for stdout, failure for stderr, and names cannot move the cursor."""
    assert outcomes.started(outcome) == line


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (ending.Stopped("/a/shop", 7, 0), Line("stopped  /a/shop  (pid 7)")),
        (
            ending.Stopped("/a/shop", 7, 2),
            Line("stopped  /a/shop  (pid 7, 2 tool processes with it)"),
        ),
        (
            ending.StillRunning("/a/shop", 7),
            Line("failed   /a/shop: pid 7 does not end", failed=True),
        ),
        (
            ending.LeftAlone("/a/shop", 7, Kind.ACP),
            Line(
                "kept     /a/shop: pid 7 is `acp`; it ends with its editor or terminal", failed=True
            ),
        ),
        (
            ending.NotServed("/a/shop"),
            Line("failed   /a/shop: no OpenCode server of yours runs there", failed=True),
        ),
    ],
)
def test_stopped(outcome: ending.StopOutcome, line: Line) -> None:
    """What could not be stopped says why."""
    assert outcomes.stopped(outcome) == line


def test_what_a_router_stopped_is_not_missing() -> None:
    """A directory whose server its router has stopped is told once, as stopped."""
    found: list[ending.StopOutcome] = [ending.NotServed("/a/shop"), ending.Stopped("/a/blog", 7, 0)]
    assert outcomes.stopped_all(["/a/shop"], found) == [
        Line("stopped  /a/shop  (by its router)"),
        Line("stopped  /a/blog  (pid 7)"),
    ]
