"""The access log: what a line says, what it never says, and that it breaks nothing."""

from __future__ import annotations

import json
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opencoderouter.private import NotPrivate
from opencoderouter.proxy.lane.accesslog import AccessLog, Form, Stream, open_access_log

MOST = 1 << 20
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Timers:
    """A loop's ``call_later``: what is due is run by hand."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Keep it."""
        self.waiting.append((seconds, callback))

    def run(self) -> None:
        """Call what waits."""
        due, self.waiting = self.waiting, []
        for _, callback in due:
            callback()


class Rig:
    """A log into a file, with its clock and timers."""

    def __init__(self, path: Path, form: Form = "common", flags: int = os.O_CREAT) -> None:
        self.path, self.timers, self.now = path, Timers(), START
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        self.log = AccessLog(Stream(fd), form, later=self.timers.later, now=lambda: self.now)

    def get(self, target: str = "/shop/x", slug: str = "shop", peer: str = "127.0.0.1") -> None:
        """Log one request."""
        self.log.write(peer, "GET", target, 200, 1234, 0.0125, slug)

    def lines(self) -> list[str]:
        """Return what is in the file."""
        return self.path.read_text().splitlines()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow over ``size`` octets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_common_log_format(tmp_path: Path) -> None:
    """A line is Apache's, then seconds and project; what there is none of is a dash."""
    rig = Rig(tmp_path / "log")
    rig.get()
    rig.now += timedelta(hours=20)
    rig.get("/api/health", slug="", peer="::1")
    rig.now -= timedelta(hours=20)  # a clock may be set back
    rig.log.write("10.0.0.1", "", "", 400, 0, 0.0, "")
    rig.log.close()
    assert rig.lines() == [
        '127.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /shop/x HTTP/1.1" 200 1234 0.012500 shop',
        '::1 - - [02/Jan/2026:23:04:05 +0000] "GET /api/health HTTP/1.1" 200 1234 0.012500 -',
        '10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "- - HTTP/1.1" 400 0 0.000000 -',
    ]


def test_json(tmp_path: Path) -> None:
    """A line is an object with the same facts, the time to the millisecond."""
    rig = Rig(tmp_path / "log", "json")
    rig.get('/sh"op\\é')
    rig.log.write("10.0.0.1", "", "", 400, 0, 0.0, "")
    rig.log.close()
    first, second = map(json.loads, rig.lines())
    assert first == {
        "time": "2026-01-02T03:04:05.678+00:00",
        "peer": "127.0.0.1",
        "method": "GET",
        "path": '/sh"op\\é',
        "status": 200,
        "size": 1234,
        "seconds": 0.0125,
        "project": "shop",
    }
    assert datetime.fromisoformat(first["time"]) == START.replace(microsecond=678000)
    assert (second["method"], second["path"], second["project"]) == ("", "", "")


@pytest.mark.parametrize("form", ["common", "json"])
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/shop/x?password=secret", "/shop/x"),
        ("/shop/x?a?secret#secret", "/shop/x"),
        ("/shop/x#secret", "/shop/x"),
        ("http://me:secret@host:1/shop/x?secret", "/shop/x"),
        ("http://me:secret@host", "/"),
        ("me:secret@host:443", "/"),
        ("*", "*"),
    ],
)
def test_no_secret_is_logged(tmp_path: Path, form: Form, target: str, path: str) -> None:
    """Of a target only the path is logged: no query, no fragment, no user and password."""
    rig = Rig(tmp_path / "log", form)
    rig.get(target)
    rig.log.close()
    (line,) = rig.lines()
    assert "secret" not in line
    logged = json.loads(line)["path"] if form == "json" else line.split('"')[1].split()[1]
    assert logged == path


@pytest.mark.parametrize("form", ["common", "json"])
def test_nothing_of_others_can_forge(tmp_path: Path, form: Form) -> None:
    """Line ends, escapes of terminals, quotes and bytes that are no text stay in their field."""
    rig = Rig(tmp_path / "log", form)
    rig.get('/a" 200\n\x1b[2J\x9b\u202e\udcff\u2028\\')
    rig.log.close()
    (line,) = rig.path.read_bytes().decode().split("\n")[:-1]
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["path"] == '/a" 200\\n\\x1b[2J\\x9b\\u202e\\udcff\\u2028\\'
    else:
        assert r'"GET /a\" 200\n\x1b[2J\x9b\u202e\udcff\u2028\\ HTTP/1.1" 200' in line


def test_a_line_has_an_end(tmp_path: Path) -> None:
    """However long and odd a target is, its line is less than what a pipe takes in one piece."""
    for form in ("common", "json"):
        rig = Rig(tmp_path / form, form)
        rig.get("/" + "\udcff" * 9000)
        rig.log.close()
        assert 3000 < rig.path.stat().st_size < 4096
        assert "..." in rig.path.read_text()


def test_lines_wait_for_others_but_not_long(tmp_path: Path) -> None:
    """One timer of a second writes what waits, and none runs when nothing does."""
    rig = Rig(tmp_path / "log")
    assert rig.timers.waiting == []
    rig.get()
    rig.get()
    assert rig.lines() == []
    assert [seconds for seconds, _ in rig.timers.waiting] == [1.0]
    rig.timers.run()
    assert len(rig.lines()) == 2
    assert rig.timers.waiting == []
    rig.get()
    assert len(rig.timers.waiting) == 1
    rig.log.close()
    rig.timers.run()  # a timer of before does no harm after the end
    assert len(rig.lines()) == 3


def test_lines_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece that is written ends with a line, and is one that a pipe does not divide."""
    pieces: list[bytes] = []
    write = os.write

    def watched(fd: int, data: bytes) -> int:
        pieces.append(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", watched)
    rig = Rig(tmp_path / "log")
    for number in range(1000):
        rig.get(f"/shop/{number}")
    rig.log.close()
    assert all(piece.endswith(b"\n") and len(piece) <= 4096 for piece in pieces)
    assert len(pieces) < 1000 / 10
    assert [line.split()[6] for line in rig.lines()] == [f"/shop/{n}" for n in range(1000)]


def test_several_processes_append(tmp_path: Path) -> None:
    """What two logs write into one file is all there, line by line."""
    one, two = Rig(tmp_path / "log"), Rig(tmp_path / "log", "json")
    for _ in range(500):
        one.get()
        two.get()
    one.log.close()
    two.log.close()
    lines = one.lines()
    assert len(lines) == 1000
    assert {line[0] for line in lines} == {"1", "{"}


def test_a_full_disk_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and at the end how many lines are missing."""
    rig = Rig(Path("/dev/full"), flags=0)
    for _ in range(1000):
        rig.get()
    rig.log.close()
    assert [record.message for record in caplog.records] == [
        "access log: cannot be written, lines are lost reason=No space left on device",
        "access log: lines lost=1000",
    ]


def test_half_a_line_is_no_other_lines_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the disk has taken part of a line, the next is on a line of its own."""
    rig = Rig(tmp_path / "log")
    with disk_of(40):
        rig.get()
        rig.timers.run()
    rig.get("/shop/later")
    rig.get("/shop/latest")
    rig.log.close()
    half, *whole = rig.lines()
    assert len(half) == 40
    assert [line.split()[6] for line in whole] == ["/shop/later", "/shop/latest"]
    assert caplog.messages[-1] == "access log: lines lost=1"


def test_a_pipe_that_nobody_reads_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines wait up to a bound and are lost then; once it is read, whole lines go on."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    rig = Rig(path, flags=0)
    for _ in range(10_000):
        rig.get()
    assert caplog.messages == [
        "access log: cannot be written, lines are lost reason=nobody reads it"
    ]
    read = os.read(reader, 1 << 20)
    rig.timers.run()
    read += os.read(reader, 1 << 20)
    assert 64 * 1024 < len(read) <= 128 * 1024
    assert {line.count(b"GET") for line in read.splitlines()} == {1}
    os.close(reader)
    rig.log.close()
    assert "lines lost=" in caplog.messages[-1]


def test_off_opens_nothing() -> None:
    """Without the setting there is no log."""
    assert open_access_log("off", MOST, "common", Timers().later) is None


def test_a_file_is_the_users_own(tmp_path: Path) -> None:
    """A new file can be read by nobody else; an old one is added to."""
    path = tmp_path / "log"
    for _ in range(2):
        log = open_access_log(str(path), MOST, "common", Timers().later)
        assert log is not None
        log.write("127.0.0.1", "GET", "/", 200, 1, 0.0, "")
        log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2
    year = int(path.read_text().split("/")[2].split(":")[0])
    assert abs(year - datetime.now(UTC).year) <= 1


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """It is an error at once; so is a named pipe without a reader, which would block."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "no" / "log", tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"No such|[Ii]s a directory"):
            open_access_log(str(path), MOST, "common", Timers().later)


def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    """A link is not followed, wherever it leads to: it could lead to any file of ours."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(NotPrivate, match="link: is a symbolic link"):
        open_access_log(str(tmp_path / "link"), MOST, "common", Timers().later)
    (tmp_path / "target").touch()
    with pytest.raises(NotPrivate, match="link: is a symbolic link"):
        open_access_log(str(tmp_path / "link"), MOST, "common", Timers().later)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")
@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_a_strangers_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """What another user has made, file or pipe, does not get to know who asks for what."""
    path = tmp_path / "log"
    make(path)
    os.chown(path, 54321, 54321)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(NotPrivate, match=r"log: (belongs to uid 54321|is a pipe of another user)"):
        open_access_log(str(path), MOST, "common", Timers().later)
    os.close(reader)


@pytest.mark.parametrize("name", ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"])
def test_devices_are_taken_as_they_are(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The system's own links to where stderr goes, be it a file or not, are followed."""
    log = open_access_log(name, MOST, "common", Timers().later)
    assert log is not None
    log.write("127.0.0.1", "GET", "/x", 200, 1, 0.0, "")
    log.close()
    assert "GET /x" in capfd.readouterr().err


def test_a_pipe_of_ours_is_written_to(tmp_path: Path) -> None:
    """A pipe that somebody reads gets the lines."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = open_access_log(str(tmp_path / "pipe"), MOST, "common", Timers().later)
    assert log is not None
    log.write("127.0.0.1", "GET", "/x", 200, 1, 0.0, "")
    log.close()
    assert b"GET /x" in os.read(reader, 4096)
    os.close(reader)


def test_a_file_that_is_moved_away_is_followed(tmp_path: Path) -> None:
    """After logrotate has moved the file, lines go into a new one at its path."""
    path, timers = tmp_path / "log", Timers()
    log = open_access_log(str(path), MOST, "common", timers.later)
    assert log is not None
    for name in ("/before", "/after"):
        log.write("127.0.0.1", "GET", name, 200, 1, 0.0, "")
        timers.run()
        if name == "/before":
            path.rename(tmp_path / "log.1")
    log.close()
    assert "/before" in (tmp_path / "log.1").read_text()
    assert "/after" in path.read_text()
    assert "/before" not in path.read_text()


def test_a_file_is_kept_to_its_size(tmp_path: Path) -> None:
    """When it has the octets that are allowed, the next lines go into a new file."""
    path, timers = tmp_path / "log", Timers()
    log = open_access_log(str(path), 200, "common", timers.later)
    assert log is not None
    for number in range(6):
        log.write("127.0.0.1", "GET", f"/{number}", 200, 1, 0.0, "")
        timers.run()
    log.close()
    texts = [(tmp_path / name).read_text() for name in ("log.1", "log")]
    assert [text.count("GET") for text in texts] == [3, 3]


def test_stderr_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    """``-`` is stderr, which others write to as well."""
    log = open_access_log("-", MOST, "common", Timers().later)
    assert log is not None
    log.write("127.0.0.1", "GET", "/x", 200, 1, 0.0, "")
    log.close()
    assert os.write(2, b"still open\n")
    assert [line.split()[-1] for line in capfd.readouterr().err.splitlines()] == ["-", "open"]
