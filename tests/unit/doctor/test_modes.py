"""Tests of taking rights away."""

from __future__ import annotations

import subprocess
from pathlib import Path

from opencoderouter.doctor.modes import closing


def test_closed_and_undone(tmp_path: Path) -> None:
    """Only the bits that were named go; the command that undoes it brings them back."""
    file = tmp_path / "a file"
    file.touch()
    file.chmod(0o754)
    mending = closing(file, 0o754, 0o077)
    assert mending.describe == f"change the mode of {file} from 754 to 700"
    mending.apply()
    assert file.stat().st_mode & 0o777 == 0o700
    subprocess.run(["sh", "-c", mending.undo], check=True)
    assert file.stat().st_mode & 0o777 == 0o754
