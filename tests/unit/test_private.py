"""Files of this user alone: how they are made, and which are refused."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opencoderouter import private
from opencoderouter.private import Damaged, NotPrivate

STRANGER = 54321
root = pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Have another umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of our own with a word in it, in a directory of our own."""
    private.replace(tmp_path / "state" / "file", b"word")
    return tmp_path / "state" / "file"


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o177])
def test_what_is_made_is_the_users_alone(tmp_path: Path, mask: int) -> None:
    """Whatever the umask: directories 0700, all that are missing, and files 0600."""
    state = tmp_path / "a" / "b" / "state"
    with umask(mask):
        private.replace(state / "file", b"x")
        with private.locked(state / "file"):
            os.close(private.append(state / "log"))
        os.close(private.anew(state / "new"))
    assert {mode(path) for path in (state.parent.parent, state.parent, state)} == {0o700}
    assert {path.name: mode(path) for path in state.iterdir()} == dict.fromkeys(
        ("file", "file.lock", "log", "new"), 384
    )


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """What is not there is said to be not there, by its whole path."""
    with pytest.raises(FileNotFoundError, match="/state'"):
        private.read(tmp_path / "state" / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the old content, and a left-over harms nobody."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            private.replace(file, b"half")
    assert private.read(file) == b"word"
    private.replace(file, b"whole")
    assert private.read(file) == b"whole"
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def _append(path: Path) -> None:
    for _ in range(50):
        with private.locked(path):
            private.replace(path, private.read(path) + b".")


def test_writers_take_turns(file: Path) -> None:
    """Processes that read, change and write under the lock lose nothing of each other."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(file,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(50)
    assert private.read(file) == b"word" + b"." * 100


USES: list[Callable[[Path], object]] = [
    private.read,
    private.read_given,
    private.append,
    lambda path: private.locked(path).__enter__(),
]


@pytest.mark.parametrize("use", USES)
def test_a_link_is_not_followed(file: Path, use: Callable[[Path], object]) -> None:
    """A link is refused in words, wherever it leads to; nothing happens at its end."""
    for name, target in (("link", file), ("dangling", file.parent / "not-there")):
        link = file.parent / name
        link.symlink_to(target)
        (file.parent / f"{name}.lock").symlink_to(target)
        with pytest.raises(NotPrivate, match=rf"{name}(\.lock)?: is a symbolic link"):
            use(link)
    assert private.read(file) == b"word"
    assert not (file.parent / "not-there").exists()


def test_writing_does_not_follow_a_link(file: Path, tmp_path: Path) -> None:
    """What somebody put where a file is written to is replaced, and what it leads to stays."""
    other = tmp_path / "other"
    other.write_bytes(b"other")
    for name in ("file.tmp", "link", "log"):
        (file.parent / name).symlink_to(other)
    private.replace(file, b"x")
    private.replace(file.parent / "link", b"x")
    os.close(private.anew(file.parent / "log"))
    assert other.read_bytes() == b"other"
    assert not any((file.parent / name).is_symlink() for name in ("link", "log"))


def test_a_directory_that_is_a_link_is_refused(file: Path, tmp_path: Path) -> None:
    """Neither reading nor writing goes through a link that stands for the directory."""
    link = tmp_path / "link"
    link.symlink_to(file.parent)
    for use in (private.read, lambda path: private.replace(path, b""), private.anew):
        with pytest.raises(NotPrivate, match="link: is a symbolic link"):
            use(link / "file")
    with pytest.raises(NotPrivate, match="link: is a symbolic link"):
        private.directory(link)
    assert private.read(file) == b"word"


def test_above_it_links_are_the_users_business(file: Path, tmp_path: Path) -> None:
    """A home that is reached by a link is a home."""
    home = tmp_path / "home"
    home.symlink_to(tmp_path)
    assert private.read(home / file.parent.name / file.name) == b"word"


@root
@pytest.mark.parametrize("use", USES)
def test_a_strangers_file_is_refused(file: Path, use: Callable[[Path], object]) -> None:
    """It is not read, not written, not even closed to others; the owner is named."""
    lock = file.parent / "file.lock"
    lock.touch()
    for path in (file, lock):
        path.chmod(0o666)
        os.chown(path, STRANGER, STRANGER)
    with pytest.raises(NotPrivate, match=rf"file(\.lock)?: belongs to uid {STRANGER}, not to user"):
        use(file)
    assert (file.read_bytes(), mode(file)) == (b"word", 0o666)


@root
def test_a_strangers_directory_is_refused(file: Path) -> None:
    """Whoever owns the directory decides what is in it: nothing of it is used, nor changed."""
    os.chown(file.parent, STRANGER, STRANGER)
    file.parent.chmod(0o755)
    for use in (private.read, lambda path: private.replace(path, b""), private.anew):
        with pytest.raises(NotPrivate, match=f"state: belongs to uid {STRANGER}"):
            use(file)
    with pytest.raises(NotPrivate, match=f"state: belongs to uid {STRANGER}"):
        private.directory(file.parent)
    assert (file.read_bytes(), mode(file.parent)) == (b"word", 0o755)


@root
def test_the_way_there_is_a_strangers(tmp_path: Path) -> None:
    """It is told whose directory is closed: it may be a volume that another user's router has."""
    os.seteuid(STRANGER)
    try:
        with pytest.raises(PermissionError) as refused:
            private.read(tmp_path / "state" / "file")
    finally:
        os.seteuid(0)
    closed = next(one for one in reversed(tmp_path.parents) if not one.stat().st_mode & 0o001)
    assert refused.value.strerror == f"Permission denied: {closed} belongs to user root"


def test_a_directory_of_an_earlier_version_is_closed(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of ours that others could enter is theirs no more, and that is logged once."""
    (file.parent / "leases.json").touch()
    file.parent.chmod(0o755)
    private.directory(file.parent)
    private.directory(file.parent)
    assert mode(file.parent) == 0o700
    expected = f"closed to other users path={file.parent} mode=700 was=755"
    assert caplog.messages == [expected]


def test_an_empty_directory_is_closed(tmp_path: Path) -> None:
    """Who makes one for the router, as systemd does, need not know which mode it wants."""
    (tmp_path / "made").mkdir(mode=0o755)
    private.replace(tmp_path / "made" / "file", b"")
    assert mode(tmp_path / "made") == 0o700


@pytest.mark.parametrize(("bits", "name"), [(0o755, "file"), (0o1777, "leases.json")])
def test_a_directory_with_another_purpose_is_refused(file: Path, bits: int, name: str) -> None:
    """A home or a /tmp that somebody names is not closed to those who need it."""
    (file.parent / name).touch()
    file.parent.chmod(bits)
    for use in (private.read, private.anew, lambda path: private.directory(path.parent)):
        with pytest.raises(NotPrivate, match="state: is open to other users; use a directory of"):
            use(file)
    assert mode(file.parent) == bits


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_use_is_refused(file: Path, bits: int) -> None:
    """They may know what it says, or have said it; the way out is told."""
    file.chmod(bits)
    for read in (private.read, private.read_given):
        with pytest.raises(NotPrivate, match=r"file: other users have access.*`chmod go= /"):
            read(file)
    assert mode(file) == bits


def test_a_log_that_others_can_read_is_closed(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is added to; that others could read it is no reason to lose lines."""
    file.chmod(0o644)
    fd = private.append(file)
    os.write(fd, b"s")
    os.close(fd)
    assert (private.read(file), mode(file)) == (b"words", 0o600)
    assert "closed to other users" in caplog.text
    file.chmod(0o644)
    assert private.read(file, mend=True) == b"words"
    assert mode(file) == 0o600


@pytest.mark.parametrize("use", USES[:3])
def test_what_is_no_file_is_refused(file: Path, use: Callable[[Path], object]) -> None:
    """A pipe is neither waited for nor changed."""
    pipe = file.parent / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(NotPrivate, match="pipe: is not a file"):
        use(pipe)
    os.close(reader)
    assert mode(pipe) == 0o666


def test_a_directory_is_no_file(file: Path) -> None:
    """It is called what it is, whatever its rights."""
    file.parent.chmod(0o755)
    with pytest.raises(NotPrivate, match="state: is a directory, not a file"):
        private.read_given(file.parent)
    assert mode(file.parent) == 0o755


def test_what_is_no_directory_is_an_error(file: Path) -> None:
    """A file in the way of a directory is named."""
    with pytest.raises(NotADirectoryError, match="state/file"):
        private.directory(file)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_damaged(file: Path, content: bytes) -> None:
    """It is said which file it is, and not what is in it; the file stays as it was."""
    private.replace(file, content)
    with pytest.raises(Damaged, match=r"state/file: is damaged: no JSON"):
        private.read_json(file)
    assert private.read(file) == content


def test_a_change_shows_in_the_stamp(file: Path) -> None:
    """A new file, other content and other rights change it; reading does not; none is None."""
    stamps = [private.stamp(file)]
    private.read(file)
    assert private.stamp(file) == stamps[0]
    private.replace(file, b"drow")
    stamps.append(private.stamp(file))
    file.chmod(0o640)
    stamps.append(private.stamp(file))
    file.unlink()
    assert private.stamp(file) is None
    assert len({*stamps, None}) == 4
