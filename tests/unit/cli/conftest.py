"""``ocr`` with a fleet that is a fake."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes_fleet import FakeOpened

from opencoderouter.cli import remote_app
from opencoderouter.cli.remote_options import Start
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    Failure,
    HostSpec,
    HostState,
    Live,
    Question,
    Report,
    Server,
    Session,
    Via,
)
from opencoderouter.watch import Watch

NOW = 1_790_000_000.0


@dataclass
class Ocr:
    """What runs ``ocr ARGUMENTS`` in this process; ``code`` is how it ended."""

    opened: FakeOpened
    capture: pytest.CaptureFixture[str]
    launched: list[str] = field(default_factory=list)
    code: int = -1

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr."""
        start = Start(open=self.opened.open, launch=self.launched.append, clock=lambda: NOW)
        self.code = remote_app.run(arguments, start)
        out, err = self.capture.readouterr()
        return self.code, out, err

    @property
    def calls(self) -> list[tuple[object, ...]]:
        """Return what was asked of the fleet."""
        return self.opened.control.calls


PERMISSION = Ask(
    Live.PERMISSION, "per_1", "ses_aaa", "bash: rm -rf dist", since=NOW - 60, always=("rm *",)
)
QUESTION = Ask(
    Live.QUESTION,
    "que_1",
    "ses_bbb",
    "Which colour?",
    (Question("Which colour?", options=(("Red", "warm"), ("Blue", "cold"))),),
)


def entry(alias: str, report: Report, **words: str) -> Entry:
    """Return a host that has said something."""
    host = HostSpec(alias, **words)  # type: ignore[arg-type]
    return Entry(host, report=report, good=report if report.reached else None)


def fleet(*entries: Entry) -> Fleet:
    """Return a fleet of these."""
    return Fleet({one.host.alias: one for one in entries})


def web1(*sessions: Session) -> Entry:
    """Return a host that is well."""
    return entry(
        "web1",
        Report(
            HostState.ONLINE,
            NOW,
            0.5,
            via=Via.FABRIC,
            version="1.18.33",
            servers=(Server(4096, directory="/srv/shop"),),
            sessions=sessions,
        ),
        group="production",
    )


CART = Session("ses_aaa1", "Fix the cart", "/srv/shop", updated=NOW - 60, asks=(PERMISSION,))
OLD = Session("ses_aab2", "Old\x1b[31m work", "/srv/shop", updated=NOW - 90_000, error="APIError")
GONE = Session("ses_zzz9", "Gone", "/srv/shop", updated=NOW - 99_000, archived=NOW - 5)
COLOUR = Session("ses_bbb1", "Paint", "/home/me/wall", updated=NOW - 5, asks=(QUESTION,))
WEB2 = entry(
    "web2",
    Report(HostState.UNREACHABLE, NOW, 0.1, "Connection refused", mend=("ssh -v web2",)),
)
BARE = entry("bare", Report(HostState.NO_OPENCODE, NOW, failures=(Failure("live", "late"),)))


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Have the handlers of before after each test: the program never gives them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def opened() -> FakeOpened:
    """Return a fleet of three hosts, of which one is not reached."""
    return FakeOpened(Watch(fleet(web1(CART, OLD, GONE), entry("web3", _painter()), WEB2)))


@pytest.fixture
def ocr(
    opened: FakeOpened,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Ocr]:
    """Return ``ocr`` in a home of its own, with that fleet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with _log_of_before():
        yield Ocr(opened, capsys)


@contextmanager
def _log_of_before() -> Iterator[None]:
    """Have the log of before in the end: the program sends it elsewhere, and hushes libraries.

    A library that stayed hushed would hide from later tests what they look for in the log.
    """
    root = logging.getLogger()
    handlers, levels = root.handlers[:], _levels()
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    for one in _levels():
        one.setLevel(levels.get(one, logging.NOTSET))


def _levels() -> dict[logging.Logger, int]:
    root = logging.getLogger()
    named = root.manager.loggerDict.values()
    return {one: one.level for one in (root, *named) if isinstance(one, logging.Logger)}


def _painter() -> Report:
    return Report(HostState.ONLINE, NOW, 0.2, version="1.0", sessions=(COLOUR,))


OcrRun = Callable[..., tuple[int, str, str]]
