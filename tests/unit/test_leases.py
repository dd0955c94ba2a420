"""The lease file: what is in it stays, whatever happens to it or beside it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opencoderouter.leases import LeaseFile, LeaseWriter

LEASES = {"/srv/app": "app", "/srv/web": "web"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file will be: in a directory that does not exist yet."""
    return tmp_path / "state" / "leases.json"


def write(path: Path, content: object) -> None:
    """Put JSON there as an earlier run, or somebody's editor, left it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(json.dumps(content))


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_first_run(path: Path) -> None:
    """Without a file there are no leases, and asking leaves nothing behind."""
    assert LeaseFile(path).load() == {}
    assert not path.parent.exists()


def test_round_trip(path: Path) -> None:
    """What is saved is there in the next run."""
    LeaseFile(path).save(LEASES)
    assert LeaseFile(path).load() == LEASES


def test_for_the_user_only(path: Path) -> None:
    """Nobody else reads which directories the user works in."""
    old = os.umask(0)
    try:
        LeaseFile(path).save(LEASES)
    finally:
        os.umask(old)
    assert mode(path.parent) == 0o700
    assert {item.name: mode(item) for item in path.parent.iterdir()} == {
        "leases.json": 0o600,
        "leases.json.lock": 0o600,
    }


@pytest.mark.parametrize("name", ["caf\udce9", "\ud800", 'a"b\\c\n', "проект"])
def test_any_directory(path: Path, name: str) -> None:
    """Directories that are no UTF-8, or that JSON must escape, come back as they were."""
    LeaseFile(path).save({f"/srv/{name}": "name"})
    assert LeaseFile(path).load() == {f"/srv/{name}": "name"}
    assert path.read_bytes().isascii()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b"\0\xff", b"[" * 100_000, b'{"/a": "a"', b"\xff\xfe{"],
)
def test_damaged(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A file that makes no sense is kept aside, said to be so, and does not stop the router."""
    path.parent.mkdir()
    path.write_bytes(content)
    assert LeaseFile(path).load() == {}
    assert path.with_name("leases.json.bad").read_bytes() == content
    assert f"leases damaged path={path}" in caplog.text
    LeaseFile(path).save(LEASES)
    assert LeaseFile(path).load() == LEASES


def test_bad_entries(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Entries that could not have been leased are left out, the others are taken."""
    bad = [1, None, ["x"], "", "Up", "a/b", "a--b", "x" * 64, "api", "app"]
    write(path, LEASES | {f"/bad/{number}": slug for number, slug in enumerate(bad)})
    assert LeaseFile(path).load() == LEASES
    assert f"leases left out path={path} number={len(bad)}" in caplog.text


def test_slug_twice(path: Path) -> None:
    """One slug never means two directories: the first in the file keeps it."""
    write(path, {"/srv/b": "app", "/srv/a": "app"})
    assert LeaseFile(path).load() == {"/srv/b": "app"}


def test_others_are_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What another router leased meanwhile stays beside ours."""
    ours = LeaseFile(path)
    ours.save({"/srv/app": "app"})
    LeaseFile(path).save({"/srv/web": "web"})
    ours.save({"/srv/app": "app", "/srv/lib": "lib"})
    assert ours.load() == {"/srv/app": "app", "/srv/web": "web", "/srv/lib": "lib"}
    assert not caplog.records


@pytest.mark.parametrize(
    "ours",
    [
        {"/srv/app": "srv-app"},  # the same directory, another name
        {"/home/al/app": "app"},  # the same name, another directory
    ],
)
def test_contradiction(path: Path, ours: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """The file wins over what contradicts it, aloud; what does not is saved all the same."""
    LeaseFile(path).save(LEASES)
    LeaseFile(path).save(ours | {"/srv/lib": "lib"})
    assert LeaseFile(path).load() == LEASES | {"/srv/lib": "lib"}
    (record,) = caplog.records
    assert record.getMessage().startswith(f"lease contradicted directory={next(iter(ours))} ")


def test_nothing_new(path: Path) -> None:
    """Saving what is there already does not touch the file."""
    LeaseFile(path).save(LEASES)
    before = path.stat().st_ino
    LeaseFile(path).save({"/srv/app": "app"})
    assert path.stat().st_ino == before


def test_never_half_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the old file as it was."""
    LeaseFile(path).save(LEASES)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    LeaseFile(path).save(LEASES | {"/srv/lib": "lib"})
    assert LeaseFile(path).load() == LEASES


def test_left_over_temporary(path: Path) -> None:
    """What a killed router left half written is written over."""
    write(path.with_name("leases.json.tmp"), "x" * 1000)
    LeaseFile(path).save(LEASES)
    assert LeaseFile(path).load() == LEASES
    assert not path.with_name("leases.json.tmp").exists()


def test_cannot_write(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A state directory that cannot be made is logged, and does not stop the router."""
    path.parent.write_text("a file in the way")
    LeaseFile(path).save(LEASES)
    assert f"leases not saved path={path}" in caplog.text


def test_cannot_read(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be read is logged, and does not stop the router."""
    path.mkdir(parents=True)
    assert LeaseFile(path).load() == {}
    assert f"leases not loaded path={path}" in caplog.text


def test_a_directory_that_is_a_link_is_refused(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Names are not written where somebody else's link leads to; the router runs on."""
    path.parent.symlink_to(path.parent.parent / "elsewhere")
    LeaseFile(path).save(LEASES)
    assert LeaseFile(path).load() == {}
    assert caplog.text.count(f"error={path.parent}: is a symbolic link") == 2
    assert not (path.parent.parent / "elsewhere").exists()


def test_many_routers_at_once(path: Path) -> None:
    """Routers that save at the same time lose none of each other's leases."""

    def router(number: int) -> None:
        for name in (f"r{number}-{count}" for count in range(10)):
            LeaseFile(path).save({f"/srv/{name}": name})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(router, range(4)))
    assert len(LeaseFile(path).load()) == 40


def test_saving_does_not_wait_for_the_lock(tmp_path: Path) -> None:
    """While another router holds the lock nobody is held up; then the newest is what is saved."""
    file = LeaseFile(tmp_path / "leases.json")
    file.save({"/a": "a"})
    writer = LeaseWriter(file)
    with (tmp_path / "leases.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in range(100):
            writer.save({f"/p{item}": f"p{item}" for item in range(number)})
        assert file.load() == {"/a": "a"}
    writer.close()
    assert file.load() == {"/a": "a"} | {f"/p{item}": f"p{item}" for item in range(99)}
