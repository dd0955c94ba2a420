"""Tests of reading passwords without leaving a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.rig.diagnosis import facts

from opencoderouter.doctor.passwords import effective, known

OWN = SecretStr("from-settings")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state directory with secrets; others could enter it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    (folder / "secrets.json").write_text('{"password": "drawn-one", "key": "00ff"}')
    return folder


def test_all_that_is_known(tmp_path: Path, state: Path) -> None:
    """Passwords of settings, file and state directory, and the key; nothing is changed."""
    file = tmp_path / "pw"
    file.write_text("from-a-file\nsecond line\n")
    settings = facts(tmp_path, password=OWN, password_file=file).settings
    assert set(known(settings)) == {"from-settings", "from-a-file", "drawn-one", "00ff"}
    assert state.stat().st_mode & 0o777 == 0o755


def test_which_one_holds(tmp_path: Path, state: Path) -> None:
    """The one in the settings before the file's, which goes before the one that is drawn."""
    assert state.is_dir()
    file = tmp_path / "pw"
    file.write_text("from-a-file\r\n")
    both = facts(tmp_path, password=OWN, password_file=file).settings
    assert effective(both) == "from-settings"
    assert effective(facts(tmp_path, password_file=file).settings) == "from-a-file"
    assert effective(facts(tmp_path).settings) == "drawn-one"


@pytest.mark.parametrize("content", ["", "[]", '{"password": 1}'])
def test_what_cannot_be_read(tmp_path: Path, state: Path, content: str) -> None:
    """Damaged or missing: none, and none is made."""
    (state / "secrets.json").write_text(content)
    assert known(facts(tmp_path).settings) == []
    nowhere = facts(tmp_path / "nowhere", password_file=tmp_path / "none").settings
    assert effective(nowhere) is None
    assert not (tmp_path / "nowhere").exists()
