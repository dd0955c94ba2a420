"""One directory, one spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.launch.directory import real_directories, real_directory


def test_real_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Symlinks, dots and slashes lead to the one path that the kernel shows."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    monkeypatch.chdir(tmp_path)
    for spelling in ("real", "./link/", f"{real}/../link", str(real)):
        assert real_directory(spelling) == str(real)


def test_no_directory(tmp_path: Path) -> None:
    """Files and nothing are no directories."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("file", "loop", "nothing"):
        assert real_directory(str(tmp_path / name)) is None


def test_real_directories(tmp_path: Path) -> None:
    """Each directory comes once, whatever it is called; one that is none is refused."""
    (tmp_path / "link").symlink_to(tmp_path)
    assert real_directories([f"{tmp_path}/link", str(tmp_path)]) == [str(tmp_path)]
    with pytest.raises(ValueError, match="no such directory"):
        real_directories([f"{tmp_path}/none"])
