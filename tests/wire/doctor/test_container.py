"""A machine without ``/proc``, and the advice when it is followed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.rig.router import COMMAND

ALONE = ("unshare", "--mount", "--pid", "--fork")
SCRIPT = """
umount -l /proc
ocr-router doctor --json --only container >without || echo >>without
$(python3 -c 'import json; print(json.load(open("without"))["checks"][0]["mend"][0])')
ocr-router doctor --json --only container >with
"""


def _can_be_alone() -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run([*ALONE, "umount", "-l", "/proc"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(not _can_be_alone(), reason="needs the right to unshare, and to unmount")
def test_no_proc(tmp_path: Path) -> None:
    """Nobody's servers can be told apart: an error; with /proc mounted as advised there is none."""
    subprocess.run(
        [*ALONE, "sh", "-ec", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=55,
    )
    without, after = (json.loads((tmp_path / name).read_text()) for name in ("without", "with"))
    assert [row["summary"] for row in without["checks"]] == ["/proc is not mounted"]
    assert [row["status"] for row in without["checks"]] == ["error"]
    assert not {"error", "warning"} & {row["status"] for row in after["checks"]}
