"""The process table, read from files that stand for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.launch import tree
from opencoderouter.launch.tree import Stat


def put(proc: Path, pid: int, parent: int, *, state: str = "S", environ: bytes = b"") -> None:
    """Add a process whose name is as awkward as names can be."""
    folder = proc / str(pid)
    folder.mkdir()
    fields = [state, str(parent), *["0"] * 17, str(pid * 100), "0"]
    (folder / "stat").write_text(f"{pid} (a) b (c) {' '.join(fields)}\n")
    (folder / "environ").write_bytes(environ)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Return a table: 1 has 10 and 20, 10 has 11, that has 12, a zombie."""
    put(tmp_path, 1, 0)
    put(tmp_path, 10, 1, environ=b"HOME=/root\0OCR_SERVER_ID=a-1\0X=OCR_SERVER_ID=b\0")
    put(tmp_path, 11, 10, environ=b"NOT_OCR_SERVER_ID=a-1\0")
    put(tmp_path, 12, 11, state="Z")
    put(tmp_path, 20, 1)
    (tmp_path / "self").mkdir()
    (tmp_path / "30").mkdir()
    return tmp_path


def test_read_tree(proc: Path) -> None:
    """Each process has a parent and a start time; what cannot be read is left out."""
    found = tree.read_tree(str(proc))
    assert set(found) == {1, 10, 11, 12, 20}
    assert found[12] == Stat(11, 1200, zombie=True)
    assert found[11] == Stat(10, 1100, zombie=False)


def test_below(proc: Path) -> None:
    """Descendants are found at any depth, behind zombies too; roots are none of their own."""
    found = tree.read_tree(str(proc))
    assert tree.below(found, [10]) == {11, 12}
    assert tree.below(found, [1]) == {10, 11, 12, 20}
    assert tree.below(found, [11, 20, 99]) == {12}
    assert tree.below({7: Stat(7, 0, zombie=False)}, [7]) == {7}  # never hangs


def test_mark_of(proc: Path) -> None:
    """A mark is the value of the whole variable, nothing that only looks like it."""
    assert tree.mark_of(10, str(proc)) == "a-1"
    assert [tree.mark_of(pid, str(proc)) for pid in (11, 12, 30, 99)] == [None] * 4


def test_no_table(tmp_path: Path) -> None:
    """Without a process table there is nobody."""
    assert tree.read_tree(str(tmp_path / "nothing")) == {}


def test_kill_nobody() -> None:
    """Nobody is within reach where there is nobody; one that has just ended counts."""
    assert tree.kill([]) is False
    assert tree.kill([2**22 + 1]) is True
