"""What only the tests of the image need, made once; the engines are in ``tests/conftest.py``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from testcontainers.core.network import Network
from tests.rig import image
from tests.rig.engine import Engine
from tests.rig.vessel import network


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return each engine in turn; it has the image by its short name."""
    request.getfixturevalue(f"{request.param}_image")
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def engine_image(engine: Engine, request: pytest.FixtureRequest) -> str:
    """Return the id of the image in that engine."""
    return str(request.getfixturevalue(f"{engine.name}_image"))


@pytest.fixture(scope="session")
def opencode_image(
    docker: Engine, docker_image: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Return the name of an image in Docker that has OpenCode, too (docs/containers.md)."""
    folder = tmp_path_factory.mktemp("opencode-image")
    shutil.copy(Path(shutil.which("opencode") or "").resolve(), folder / "opencode")
    base, name = f"{image.NAME}-rig:base", f"{image.NAME}-rig:opencode"  # FROM takes no id
    docker.run("tag", docker_image, base)
    recipe = f"FROM {base}\nCOPY opencode /usr/local/bin/opencode\n"
    (folder / "Containerfile").write_text(recipe)
    docker.run("build", "--quiet", "-t", name, "-f", folder / "Containerfile", folder)
    return name


@pytest.fixture(scope="session")
def lan(docker: Engine) -> Iterator[Network]:
    """Make a network for containers of Docker, who know each other's names there."""
    with network(docker) as made:
        yield made
