"""The image that Nix builds is, to an engine, that of the Containerfile, and runs."""

from __future__ import annotations

import io
import json
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rig.engine import Engine
from tests.rig.nix import installed
from tests.rig.vessel import launched

from opencoderouter import __version__

NAME = "opencoderouter-nix:test"  # its own would be in the way of the other tests
SAME = "Entrypoint Cmd User ExposedPorts Volumes StopSignal Healthcheck".split()


@pytest.fixture(scope="module")
def store(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the store that Nix has built the image in; Docker has it as ``NAME``."""
    if not shutil.which("nix"):
        pytest.skip("needs nix")
    folder = tmp_path_factory.mktemp("nix-image")
    nix, archive = installed(folder), folder / "image.tar"
    _renamed(nix.build("image"), archive)
    docker.run("load", "--input", archive)
    yield Path(nix.environment["NIX_STORE_DIR"])
    docker.run("rmi", NAME)


@pytest.mark.usefixtures("store")
def test_same_image(docker: Engine, docker_image: str) -> None:
    """What it runs, as whom, where it keeps state and how it tells its health are the same."""
    nix, ours = _configuration(docker, NAME), _configuration(docker, docker_image)
    assert {name: nix.get(name) for name in SAME} == {name: ours.get(name) for name in SAME}
    public = "org.opencontainers."
    labels = {name: text for name, text in ours["Labels"].items() if name.startswith(public)}
    assert nix["Labels"] == labels
    wanted = {text for text in ours["Env"] if text.startswith(("HOME=", "PYTHON"))}
    assert wanted <= set(nix["Env"])


def test_runs(docker: Engine, store: Path) -> None:
    """Its programs are found, and the router starts, is well, and ends as it should.

    The stand-in for nixpkgs leaves the store, Python and libc out of the image: they are mounted.
    """
    python = (sys.base_prefix, sysconfig.get_path("purelib"))
    needed = (str(store), *python, "/bin/bash", "/lib", "/lib64")
    mounts = [(path, path, "ro") for path in needed]
    with launched(docker, NAME, "serve", "--no-mdns", volumes=mounts) as running:
        running.run("ocr-router", "health")
        assert running.run("ocr-router", "--version") == f"ocr-router {__version__}"
        assert running.get("api/backends", headers=running.login()).json == []
        assert running.stop(within=5) == 0, running.log()


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
