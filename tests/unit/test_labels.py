"""The file of host labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.labels import LabelFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "state" / "labels.json"


def test_what_is_saved_is_loaded(path: Path) -> None:
    """Each machine has labels of its own: a home directory may be shared."""
    LabelFile(path, "box").save("app", "app-alice-box")
    LabelFile(path, "den").save("app", "app-alice-den")
    LabelFile(path, "box").save("web", "web-alice-box")
    assert LabelFile(path, "box").load() == {"app": "app-alice-box", "web": "web-alice-box"}
    assert LabelFile(path, "den").load() == {"app": "app-alice-den"}
    assert LabelFile(path, "other").load() == {}
    assert path.stat().st_mode & 0o077 == 0


def test_no_file(path: Path) -> None:
    """A first run has none, and leaves nothing behind by asking."""
    assert LabelFile(path, "box").load() == {}
    assert not path.parent.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"box": 1}', '{"box": {"a": 1, "b": "X y"}}'])
def test_damaged(path: Path, content: str) -> None:
    """What is no label is left out; the file is written anew when there is one to keep."""
    path.parent.mkdir(mode=0o700)
    path.write_text(content)
    path.chmod(0o600)
    file = LabelFile(path, "box")
    assert file.load() == {}
    file.save("app", "app-alice-box")
    assert file.load() == {"app": "app-alice-box"}


def test_cannot_be_written(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and costs no more than the label."""
    path.parent.write_text("a file where the directory should be")
    LabelFile(path, "box").save("app", "app-alice-box")
    assert LabelFile(path, "box").load() == {}
    assert "labels not saved" in caplog.text
