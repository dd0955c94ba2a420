"""The user namespace, as the kernel tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.kernel.namespaces import tells_users_apart


@pytest.mark.parametrize(
    ("said", "apart"),
    [
        ("         0          0 4294967295\n", True),
        ("         0       1000          1\n", False),
        ("         0     100000      65536\n", False),
        ("         0       1000          1\n         1     100000      65536\n", False),
        ("", False),
    ],
)
def test_tells_users_apart(said: str, *, apart: bool, tmp_path: Path) -> None:
    """Only where every user is mapped to itself: a rootless container maps some."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/uid_map").write_text(said)
    assert tells_users_apart(tmp_path) is apart


def test_unknown(tmp_path: Path) -> None:
    """Where the kernel has no such thing, there is nothing else; where it cannot be read: no."""
    assert tells_users_apart(tmp_path)
    (tmp_path / "self").mkdir()
    assert not tells_users_apart(tmp_path)
