"""A log in a file: it stays within its size, and lines survive who moves it."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from opencoderouter.logfile import KEEP, LogFile, rotated


def put(log: LogFile, text: str) -> None:
    """Write as users of it do."""
    log.renew()
    os.write(log.fd, text.encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "log"


def test_a_file_is_added_to(path: Path) -> None:
    """What was there stays; a new one is the user's alone."""
    for text in ("a", "b"):
        log = LogFile(path, 100)
        put(log, text)
        log.close()
    assert path.read_text() == "ab"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_moves_it_gets_it_whole(path: Path) -> None:
    """The descriptor stays the same number, and is of the new file; so it is when it is deleted."""
    log = LogFile(path, 100)
    fd = log.fd
    put(log, "a")
    path.rename(rotated(path, 7))
    put(log, "b")
    assert (rotated(path, 7).read_text(), path.read_text()) == ("a", "b")
    path.unlink()
    put(log, "c")
    assert path.read_text() == "c"
    assert log.fd == fd
    assert not os.get_inheritable(fd)
    log.close()


def test_a_few_files_are_kept(path: Path) -> None:
    """The newest lines are in the file, those before in .1, and so on; the oldest are dropped."""
    log = LogFile(path, 3)
    for number in range(KEEP + 3):
        put(log, f"{number}:{'x' * 9}")
    log.close()
    names = [path, *(rotated(path, number) for number in range(1, KEEP + 1))]
    assert [name.read_text()[0] for name in names] == ["7", "6", "5", "4", "3", "2"]
    assert len(list(path.parent.iterdir())) == KEEP + 1


def test_several_processes_move_it_once(path: Path) -> None:
    """Who finds the file too large after another has moved it follows, and loses nothing."""
    logs = [LogFile(path, 10) for _ in range(3)]
    put(logs[0], "a" * 10)
    for log, text in zip(logs, "bcd", strict=True):
        put(log, text)
    assert (rotated(path, 1).read_text(), path.read_text()) == ("a" * 10, "bcd")
    assert not rotated(path, 2).exists()
    for log in logs:
        log.close()


def test_who_comes_second_moves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process moves in the very moment is not moved on."""
    log = LogFile(path, 3)
    put(log, "aaa")
    flock = fcntl.flock

    def late(fd: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX:
            path.replace(rotated(path, 1))
            path.write_text("b")
            path.chmod(0o600)
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    put(log, "c")
    assert (rotated(path, 1).read_text(), path.read_text()) == ("aaa", "bc")
    assert not rotated(path, 2).exists()
    log.close()


def test_what_cannot_be_moved_grows(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and no line is lost."""
    log = LogFile(path, 3)
    rotated(path, KEEP - 1).touch()
    (rotated(path, KEEP) / "in the way").mkdir(parents=True)
    for text in ("aaa", "bbb", "ccc"):
        put(log, text)
    assert path.read_text() == "aaabbbccc"
    assert [message.split(" error=")[0] for message in caplog.messages] == [
        f"log not renewed path={path}"
    ]
    log.close()


def test_a_link_in_its_place_is_not_followed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Lines go on to where they went before, and that is logged."""
    log = LogFile(path, 100)
    path.rename(rotated(path, 1))
    path.symlink_to(path.parent / "trap")
    put(log, "a")
    assert rotated(path, 1).read_text() == "a"
    assert not (path.parent / "trap").exists()
    assert "is a symbolic link" in caplog.text
    log.close()
