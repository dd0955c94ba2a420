"""What a container keeps on its volume, and leaves elsewhere, however it ends."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig import http, processes
from tests.rig.engine import Engine
from tests.rig.processes import assert_gone
from tests.rig.program import stand_in
from tests.rig.vessel import Vessel, launched

STATE = "/var/lib/opencoderouter"
PYTHON = "/opt/ocr-router/bin/python"
SHOPS = "/srv/a/shop", "/srv/b/shop"


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    """Make a volume."""
    name = engine.run("volume", "create", f"ocr-{secrets.token_hex(6)}")
    yield name
    engine.run("volume", "rm", name)


@contextmanager
def shops(
    engine: Engine, image: str, folder: Path, volume: str, projects: Sequence[str]
) -> Iterator[Vessel]:
    """Run a router that starts the servers of two projects; the program is mounted."""
    mounts = [
        (volume, STATE, "rw"),
        (str(folder / "srv"), "/srv", "rw"),
        (str(folder / "bin/opencode"), "/usr/local/bin/opencode", "ro"),
    ]
    with launched(engine, image, "serve", "--no-mdns", *projects, volumes=mounts) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two projects and a program."""
    for project in SHOPS:
        (tmp_path / project.lstrip("/")).mkdir(parents=True)
    stand_in(tmp_path / "bin", python=PYTHON)
    return tmp_path


def test_killed(engine: Engine, engine_image: str, folder: Path, volume: str) -> None:
    """A killed one leaves no process and no socket; the next has its names and its password."""
    with shops(engine, engine_image, folder, volume, SHOPS) as first:
        password, key = first.password(), first.login()
        names = [first.ready(project, headers=key)["slug"] for project in SHOPS]
        assert len(processes.marked(first.mark, "opencode")) >= len(SHOPS)
        first.container.get_wrapped_container().kill()
        assert_gone(first.mark)
        assert not http.answers(f"{first.url}/api/health")
    with shops(engine, engine_image, folder, volume, SHOPS[::-1]) as second:
        assert second.password() == password
        assert [second.ready(project, headers=key)["slug"] for project in SHOPS] == names


def test_least_rights(engine: Engine, engine_image: str, volume: str) -> None:
    """With a read-only root, no capabilities and any user, it lacks nothing but a volume."""
    with launched(
        engine,
        engine_image,
        "serve",
        "--no-mdns",
        user="4321:4321",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        volumes=[(volume, STATE, "rw")],
    ) as running:
        assert running.get("api/backends", headers=running.login()).json == []
        running.run("ocr-router", "doctor", "--only", "state-dir", "--only", "user")
        assert running.stop(within=5) == 0
