"""Processes as a ``/proc`` that the test wrote tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Kind
from opencoderouter.kernel.processes import (
    Process,
    Stat,
    below,
    descendants,
    environment,
    may_read,
    opencode_processes,
    parse_stat,
    parse_status,
    process,
    resident_bytes,
    socket_owners,
    stats,
)

UID = os.getuid()
SERVE = ("/usr/bin/opencode", "serve")


def add(
    proc: Path,
    pid: int,
    argv: Iterable[str] = SERVE,
    *,
    comm: str = "opencode",
    state: str = "S",
    ppid: int = 1,
    uid: int = UID,
    cwd: str = "/srv/app",
    sockets: Iterable[int] = (),
) -> None:
    """Write one process."""
    base = proc / str(pid)
    (base / "fd").mkdir(parents=True)
    line = f"{pid} ({comm}) {state} {ppid} " + "0 " * 17 + f"{pid * 100} 1 2 3\n"
    (base / "stat").write_text(line)
    (base / "comm").write_text(comm + "\n")
    (base / "status").write_text(f"Name:\t{comm}\nUid:\t{uid}\t0\t0\t0\nVmRSS:\t  1234 kB\n")
    (base / "cmdline").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in argv))
    (base / "cwd").symlink_to(cwd)
    (base / "fd/0").symlink_to("/dev/null")
    for number, inode in enumerate(sockets, 3):
        (base / f"fd/{number}").symlink_to(f"socket:[{inode}]")


def test_process(tmp_path: Path) -> None:
    """A process is what its files say."""
    add(tmp_path, 7, ppid=3, uid=1234)
    expected = Process(7, 3, 1234, 700, SERVE, "/srv/app", Kind.SERVE)
    assert process(7, proc=tmp_path) == expected


def test_no_process(tmp_path: Path) -> None:
    """None where there is none, half of one, or only what is left of one."""
    assert process(7, proc=tmp_path) is None
    (tmp_path / "8").mkdir()
    (tmp_path / "8/stat").write_text("8 (opencode) S 1 2")
    assert process(8, proc=tmp_path) is None
    add(tmp_path, 9, (), state="Z")
    assert process(9, proc=tmp_path) is None


def test_other_command(tmp_path: Path) -> None:
    """A process that is not OpenCode has no kind; a kernel thread not even arguments."""
    add(tmp_path, 7, ("vim", "opencode", "serve.md"), comm="vim")
    add(tmp_path, 8, (), comm="kworker/0:1")
    found = [p for pid in (7, 8) if (p := process(pid, proc=tmp_path))]
    assert [(p.kind, p.argv) for p in found] == [
        (None, ("vim", "opencode", "serve.md")),
        (None, ()),
    ]


@pytest.mark.parametrize(
    ("argv", "read"),
    [
        (("a", "", "b"), ("a", "", "b")),
        (("a", ""), ("a", "")),
        (("/ä", "\udcff"), ("/ä", "\udcff")),
    ],
)
def test_arguments(tmp_path: Path, argv: tuple[str, ...], read: tuple[str, ...]) -> None:
    """Arguments may be empty, and any bytes."""
    add(tmp_path, 7, argv)
    found = process(7, proc=tmp_path)
    assert found is not None
    assert found.argv == read


def test_working_directory(tmp_path: Path) -> None:
    """A deleted directory keeps its name; one may also be called so; some may not be read."""
    odd = tmp_path / "x (deleted)"
    odd.mkdir()
    add(tmp_path, 1, cwd="/srv/gone (deleted)")
    add(tmp_path, 2, cwd=str(odd))
    add(tmp_path, 3)
    (tmp_path / "3/cwd").unlink()
    found = {p.pid: p.cwd for pid in (1, 2, 3) if (p := process(pid, proc=tmp_path))}
    assert found == {1: "/srv/gone", 2: str(odd), 3: None}


def test_opencode_processes(tmp_path: Path) -> None:
    """Those of one user that are OpenCode, by command line or by name."""
    add(tmp_path, 1)
    add(tmp_path, 2, ("launcher", "web"))
    add(tmp_path, 3, ("vim", "opencode"), comm="vim")
    add(tmp_path, 4, uid=UID + 1)
    add(tmp_path, 5, (), state="Z")
    add(tmp_path, 6, ("opencode", "run", "hello"))
    (tmp_path / "7").symlink_to("gone")
    found = {p.pid: p.kind for p in opencode_processes(UID, proc=tmp_path)}
    assert found == {1: Kind.SERVE, 2: Kind.WEB}
    assert opencode_processes(UID + 1, proc=tmp_path) == []  # the folders are not that user's


def test_socket_owners(tmp_path: Path) -> None:
    """Who holds a socket; where several do, the first that is asked about."""
    add(tmp_path, 1, sockets=[11, 12])
    add(tmp_path, 2, sockets=[12, 13])
    add(tmp_path, 3)
    (tmp_path / "3/fd/0").unlink()
    (tmp_path / "3/fd").rmdir()
    assert socket_owners([11, 12, 13, 14], proc=tmp_path) == {11: 1, 12: 1, 13: 2}
    assert socket_owners([12], [2, 1], proc=tmp_path) == {12: 2}
    assert socket_owners([11], [2, 3, 4], proc=tmp_path) == {}
    assert socket_owners([], proc=tmp_path) == {}


def test_descendants(tmp_path: Path) -> None:
    """Children and their children; not the dead, not the neighbours, not itself."""
    add(tmp_path, 1, ppid=0)
    add(tmp_path, 2, ppid=1)
    add(tmp_path, 3, ppid=2)
    add(tmp_path, 4, ppid=2)
    add(tmp_path, 5, ppid=3)
    add(tmp_path, 6, (), ppid=2, state="Z")
    add(tmp_path, 7, ppid=1)
    assert sorted(descendants(2, proc=tmp_path)) == [3, 4, 5]
    assert descendants(5, proc=tmp_path) == []
    assert sorted(descendants(0, proc=tmp_path)) == [1, 2, 3, 4, 5, 7]


def test_own_parent(tmp_path: Path) -> None:
    """A loop in what was read (pids are used again) does not hang."""
    add(tmp_path, 1, ppid=2)
    add(tmp_path, 2, ppid=1)
    assert sorted(descendants(1, proc=tmp_path)) == [1, 2]


def test_resident_bytes(tmp_path: Path) -> None:
    """Memory is in bytes; a process that is gone, or a kernel thread, has none."""
    add(tmp_path, 7)
    assert resident_bytes(7, proc=tmp_path) == 1234 * 1024
    assert resident_bytes(8, proc=tmp_path) is None


def test_no_proc(tmp_path: Path) -> None:
    """Where there is no ``/proc`` there are no processes."""
    assert opencode_processes(UID, proc=tmp_path / "none") == []


@pytest.mark.parametrize("comm", ["opencode", "a) S 1", "(x) (y", "", "a b", ")"])
def test_stat_with_odd_names(comm: str) -> None:
    """A name may look like the rest of its line."""
    line = f"7 ({comm}) R 3 " + "9 " * 17 + "4321 0"
    assert parse_stat(line) == Stat(comm, "R", 3, 4321)


@given(st.text())
def test_never_raises(text: str) -> None:
    """What the kernel would not write is nothing."""
    parse_stat(text)
    parse_stat(f"1 (x) {text}")
    parse_status(text)


def test_environment(tmp_path: Path) -> None:
    """Variables by name, the first of two as getenv(3) has it, whatever the octets."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7/environ").write_bytes(b"A=1\0NO=\0A=2\0B=x=y\0junk\0C=\xff\0=\0")
    names = ("A", "B", "C", "junk", "D")
    assert environment(7, names, proc=tmp_path) == {"A": "1", "B": "x=y", "C": "\ufffd"}
    assert environment(8, names, proc=tmp_path) == {}


def test_image() -> None:
    """A stat line tells where the environment lies; one of an older kernel does not."""
    line = "7 (sh) S 3 " + "0 " * 17 + "4321 " + "0 " * 27 + "5555 6666 0"
    assert parse_stat(line) == Stat("sh", "S", 3, 4321, image=5555)


def test_stats(tmp_path: Path) -> None:
    """All that run, but for those that are known."""
    for pid, ppid, state in ((7, 1, "S"), (8, 7, "R"), (9, 7, "Z"), (10, 8, "S")):
        add(tmp_path, pid, ppid=ppid, state=state)
    found = stats(proc=tmp_path)
    assert {pid: stat.ppid for pid, stat in found.items()} == {7: 1, 8: 7, 10: 8}
    assert set(stats({7, 10}, proc=tmp_path)) == {8}
    assert sorted(below(found, [7])) == [8, 10]
    assert below(found, [10, 99]) == []


@pytest.mark.parametrize(
    ("users", "readable"),
    [("0 {me} {me} {me}", False), ("{me} 0 0 0", True), ("{me} 4321 4321 4321", True), ("", True)],
)
def test_what_cannot_be_looked_into(
    users: str, *, readable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what may have sockets of our user matters: the last of its users is that of new ones."""

    def refuse(_: str) -> list[str]:
        raise PermissionError

    me = os.geteuid() or 1000
    monkeypatch.setattr(os, "geteuid", lambda: me)
    (tmp_path / "7").mkdir()
    (tmp_path / "7/status").write_text("Name:\tx\nUid:\t" + users.format(me=me) + "\n")
    assert may_read(7, proc=tmp_path)  # it is gone: it has no descriptors
    monkeypatch.setattr(os, "listdir", refuse)
    assert may_read(7, proc=tmp_path) is readable
