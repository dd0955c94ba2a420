"""The file of the first run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.preferences.defaults import content, generate
from opencoderouter.preferences.reader import Reader
from opencoderouter.preferences.template import template


def test_it_is_what_the_schema_says() -> None:
    """When the schema has changed: write template() to preferences/remote-tui.yaml."""
    assert content().decode() == template()


def test_it_is_written_where_there_is_none(tmp_path: Path) -> None:
    """For the user alone, with its directory, and nothing else beside it."""
    path = tmp_path / "a" / "remote-tui.yaml"
    assert generate(path)
    assert path.read_bytes() == content()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_it_is_never_written_over_another(tmp_path: Path, kind: str) -> None:
    """What is there stays, whatever it is."""
    path = tmp_path / "remote-tui.yaml"
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    assert not generate(path)
    assert path.is_symlink() or path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_no_parser_is_loaded_for_it(tmp_path: Path) -> None:
    """The first start, and those that follow, are not kept waiting by a schema or by YAML."""
    program = """import sys; from pathlib import Path
from opencoderouter.preferences.defaults import generate
from opencoderouter.preferences.reader import Reader
generate(Path(sys.argv[1])); Reader(Path(sys.argv[1])).read()
print(sorted({"pydantic", "yaml"} & sys.modules.keys()))"""
    command = [sys.executable, "-c", program, str(tmp_path / "f")]
    assert subprocess.check_output(command, text=True).strip() == "[]"


def test_read_as_it_is_it_changes_nothing(tmp_path: Path) -> None:
    """All is as by default."""
    generate(tmp_path / "f")
    reading = Reader(tmp_path / "f").read()
    assert (reading.preferences, reading.problems, reading.notes) == (Preferences(), (), ())
