"""The machine itself as a host; tests/wire/fleet/test_links.py has what all hosts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import HostState, Unreached, Via
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.local import LocalLink


async def test_commands_run_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As after a login, the home directory is where one is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    link = LocalLink()
    assert link.via is Via.LOCAL
    assert await link.run("pwd", within=60) == Completed(0, f"{tmp_path}\n".encode(), b"")


async def test_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing can be run, that is said."""
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    done = await LocalLink().run("true", within=60)
    assert isinstance(done, Unreached)
    assert done.state is HostState.ERROR
