"""What ``ls`` says when there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.cli import ask
from opencoderouter.kernel import namespaces


@pytest.mark.parametrize(
    ("marks", "program", "word"),
    [
        ((), False, "start DIRECTORY"),
        (("/.dockerenv",), True, "start DIRECTORY"),
        (("/.dockerenv",), False, "doctor"),
    ],
)
def test_the_way_to_a_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marks: tuple[str], word: str, *, program: bool
) -> None:
    """Nobody is sent to start a server where there is no OpenCode: in a container without it."""
    monkeypatch.setattr(namespaces, "container_marks", lambda _: marks)
    monkeypatch.setenv("PATH", str(tmp_path))
    if program:
        (tmp_path / "opencode").touch(mode=0o755)
    assert f"`ocr-router {word}" in ask.nothing()
