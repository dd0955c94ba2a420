"""The image that Nix builds is, to an engine, that of the Containerfile."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rig.engine import Engine
from tests.rig.nix import installed

NAME = "opencoderouter-nix:test"  # its own would be in the way of the other tests
SAME = "Entrypoint Cmd User ExposedPorts Volumes StopSignal Healthcheck".split()


@pytest.fixture
def loaded(docker: Engine, tmp_path: Path) -> Iterator[str]:
    """Return the name of Nix's image in Docker."""
    if not shutil.which("nix"):
        pytest.skip("needs nix")
    archive = tmp_path / "image.tar"
    _renamed(installed(tmp_path).build("image"), archive)
    docker.run("load", "--input", archive)
    yield NAME
    docker.run("rmi", NAME)


def test_same_image(docker: Engine, docker_image: str, loaded: str) -> None:
    """What it runs, as whom, where it keeps state and how it tells its health are the same."""
    nix, ours = _configuration(docker, loaded), _configuration(docker, docker_image)
    assert {name: nix.get(name) for name in SAME} == {name: ours.get(name) for name in SAME}
    public = "org.opencontainers."
    labels = {name: text for name, text in ours["Labels"].items() if name.startswith(public)}
    assert nix["Labels"] == labels
    wanted = {text for text in ours["Env"] if text.startswith(("HOME=", "PYTHON"))}
    assert wanted <= set(nix["Env"])


def _configuration(docker: Engine, image: str) -> dict[str, Any]:
    (inspected,) = json.loads(docker.run("image", "inspect", image))
    configuration: dict[str, Any] = inspected["Config"]
    return configuration


def _renamed(archive: Path, copy: Path) -> None:
    """Copy an archive, under another name for the image."""
    with tarfile.open(archive) as source, tarfile.open(copy, "w") as target:
        for member in source:
            data = source.extractfile(member)
            text = data.read() if data else b""
            if member.name == "manifest.json":
                text = text.replace(b"opencoderouter:latest", NAME.encode())
                member.size = len(text)
            target.addfile(member, io.BytesIO(text))
