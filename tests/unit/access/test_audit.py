"""The audit log: what a line says, that it stays one line, and that strangers cannot fill it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opencoderouter.access.audit import Audit, newest
from opencoderouter.private import NotPrivate

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Rig:
    """A log with a clock and timers that are run by hand."""

    def __init__(self, path: Path, most: int = 1 << 20) -> None:
        self.path, self.now = path, START
        self.waiting: list[Callable[[], None]] = []
        self.audit = Audit(path, most, later=self._later, now=lambda: self.now)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == 60
        self.waiting.append(call)

    def minute(self) -> None:
        """Let a minute pass."""
        self.now += timedelta(minutes=1)
        due, self.waiting = self.waiting, []
        for call in due:
            call()

    def events(self) -> list[dict[str, object]]:
        """Return what is in the file, without the times."""
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [{k: v for k, v in line.items() if k != "time"} for line in lines]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a log in a state directory that was not there."""
    return Rig(tmp_path / "state" / "audit.jsonl")


def test_a_line(rig: Rig) -> None:
    """It is there at once: time, event and facts, without those that there are none of."""
    rig.audit.record("login", origin="192.0.2.1", number=3, whole=True, token=None)
    assert rig.path.read_text() == (
        '{"time": "2026-01-02T03:04:05.678+00:00", "event": "login", "origin": "192.0.2.1", '
        '"number": 3, "whole": true}\n'
    )
    assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(rig.path.parent.stat().st_mode) == 0o700
    rig.audit.close()


def test_nothing_of_others_can_forge(rig: Rig) -> None:
    """Line ends, escapes of terminals, quotes and bytes that are no text stay in their field."""
    rig.audit.record("refused", path='/"}\n{"event": "login"}\x1b[2J\u202e\udcff')
    rig.audit.close()
    (line,) = rig.path.read_text().splitlines()
    assert line.isprintable()
    path = r'/"}\n{"event": "login"}\x1b[2J\u202e\udcff'
    assert rig.events() == [{"event": "refused", "path": path}]


def test_a_line_is_short(rig: Rig) -> None:
    """However much there is to say, the line is one that processes do not mix."""
    for number in (1, 5, 50):
        rig.audit.record("x", **{f"fact{n}": "\\\U000e0001" * 9000 for n in range(number)})
    rig.audit.close()
    lines = rig.path.read_bytes().splitlines(keepends=True)
    assert all(len(line) <= 4096 and line.endswith(b'..."}\n') for line in lines)
    assert [len(event) for event in rig.events()] == [2, 6, 51]


def test_refusals_are_thinned_out(rig: Rig) -> None:
    """Of one origin's refusals the first is told, then how many more there were in a minute."""
    for number in range(1000):
        rig.audit.record("refused", origin="192.0.2.1", path=f"/{number}")
    rig.audit.record("refused", origin="192.0.2.2", path="/")
    rig.audit.record("login_failed", origin="192.0.2.1")
    expected: list[dict[str, object]] = [
        {"event": "refused", "origin": "192.0.2.1", "path": "/0"},
        {"event": "refused", "origin": "192.0.2.2", "path": "/"},
        {"event": "login_failed", "origin": "192.0.2.1"},
    ]
    assert rig.events() == expected
    rig.minute()
    expected.append({"event": "refused", "origin": "192.0.2.1", "repeated": 999})
    assert rig.events() == expected
    assert rig.waiting == []
    rig.audit.record("refused", origin="192.0.2.2", path="/again")
    expected.append({"event": "refused", "origin": "192.0.2.2", "path": "/again"})
    assert rig.events() == expected
    rig.audit.close()


def test_what_is_not_told_yet_is_told_at_the_end(rig: Rig) -> None:
    """Also a router that is stopped within the minute says how many there were."""
    for _ in range(3):
        rig.audit.record("refused", origin="a")
    rig.audit.close()
    assert rig.events()[-1] == {"event": "refused", "origin": "a", "repeated": 2}


def test_many_origins_are_one(rig: Rig) -> None:
    """Who comes from ever new addresses fills neither the file nor the memory."""
    for number in range(5000):
        rig.audit.record("refused", origin=f"2001:db8::{number:x}")
    assert len(rig.events()) == 1024 + 1
    rig.minute()
    assert rig.events()[-1] == {"event": "refused", "origin": "others", "repeated": 3975}
    rig.audit.close()


def test_logins_are_all_told(rig: Rig) -> None:
    """Nothing else is thinned out."""
    for _ in range(100):
        rig.audit.record("login", origin="a")
    assert len(rig.events()) == 100
    rig.audit.close()


def test_several_processes_and_files(tmp_path: Path) -> None:
    """What several write is all there, in files that are moved away one after the other."""
    path = tmp_path / "audit.jsonl"
    rigs = [Rig(path, 1000) for _ in range(2)]
    for number in range(40):
        rigs[number % 2].audit.record("login", number=number)
    for rig in rigs:
        rig.audit.close()
    assert (tmp_path / "audit.jsonl.1").exists()
    assert [event["number"] for event in newest(path, 30)] == list(range(10, 40))
    assert len(newest(path, 1)) == 1
    assert len(newest(path, 1000)) == 40


def test_reading_what_is_no_event(tmp_path: Path) -> None:
    """Half a line of a full disk, and what is no object, are left out; no file is no event."""
    path = tmp_path / "audit.jsonl"
    assert newest(path, 10) == []
    path.write_bytes(b'{"event": "a"}\n{"eve\n[]\n\xff\n{"event": "b"}\n')
    path.chmod(0o600)
    assert [event["event"] for event in newest(path, 10)] == ["a", "b"]


def test_a_full_disk_breaks_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once; half a line is not the beginning of the next."""
    write = os.write

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        rig.audit.record("a")
        rig.audit.record("b")
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:9]))
        rig.audit.record("c")
    rig.audit.record("d")
    assert len(caplog.messages) == 1
    assert [event["event"] for event in newest(rig.path, 9)] == ["d"]
    rig.audit.close()


def test_a_link_is_refused(tmp_path: Path) -> None:
    """Nobody decides where the log goes but the user."""
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(NotPrivate, match="is a symbolic link"):
        Rig(tmp_path / "audit.jsonl")
