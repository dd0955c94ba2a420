"""A host that is this machine in a home of its own, with an understudy for OpenCode."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import understudy
from tests.rig.landline import Landline
from tests.rig.processes import MARK, assert_gone, kill, marked

from opencoderouter.core.fleet.model import HostSpec
from opencoderouter.fleet.actions.site import Site


@dataclass(frozen=True, slots=True)
class Box:
    """The host. ``site`` is what actions get."""

    home: Path
    line: Landline
    site: Site

    def project(self, name: str) -> Path:
        """Make a directory."""
        path = self.home / "projects" / name
        path.mkdir(parents=True)
        return path

    @property
    def calls(self) -> list[dict[str, object]]:
        """Return how OpenCode was called."""
        return _lines(self.home / "calls.jsonl")

    @property
    def replies(self) -> list[object]:
        """Return what was replied."""
        return _lines(self.home / "replies.jsonl")

    @property
    def sessions(self) -> dict[str, dict[str, object]]:
        """Return the sessions that there are."""
        path = self.home / "sessions.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def add(self, session: str, directory: Path, **more: object) -> None:
        """Make a session that is only in the database."""
        info = {"id": session, "directory": str(directory), **more}
        (self.home / "sessions.json").write_text(json.dumps({**self.sessions, session: info}))


def _lines(path: Path) -> list:  # type: ignore[type-arg] # of whatever JSON has
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Make the host; whatever was started there ends with the test."""
    home, mark = tmp_path / "home", f"box-{tmp_path.name}-{os.getpid()}"
    program = home / "bin" / "opencode"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{Path(understudy.__file__).read_text()}")
    program.chmod(0o755)
    environment = {
        "HOME": str(home),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(home / "state"),
        MARK: mark,
    }
    line = Landline(environment)
    yield Box(home, line, Site(HostSpec("box"), line, str(program)))
    if line.sent:
        for process in marked(mark):
            kill(process)
        assert_gone(mark)
    shutil.rmtree(home)
