"""What the tests under load share: a home, a router, and figures of any kind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rig.processes import MARK, assert_gone, kill, marked
from tests.rig.program import stand_in

Note = Callable[[str, str], None]
_NOTES = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a router; nothing that was started in it is left over."""
    mark = f"load-{secrets.token_hex(6)}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_", "OPENCODE"))}
    path = f"{stand_in(tmp_path / 'bin')}:{os.environ['PATH']}"
    try:
        yield {**kept, "HOME": str(tmp_path), "PATH": path, MARK: mark}
        assert_gone(mark)
    finally:
        for process in marked(mark):
            kill(process)


@pytest.fixture
def slow(request: pytest.FixtureRequest) -> bool:
    """Tell whether to run at full size, with ``--slow``."""
    return bool(request.config.getoption("--slow"))


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Note:
    """Return what keeps a line for the end of the run."""
    notes = request.config.stash.setdefault(_NOTES, {})
    return notes.__setitem__


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the lines."""
    notes = config.stash.get(_NOTES, {})
    if notes:
        terminalreporter.section("figures under load")
    for name, text in notes.items():
        terminalreporter.line(f"{name}: {text}")
