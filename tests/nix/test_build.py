"""What the flake builds runs: with the libraries that it names, and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Any

from tests.rig import http
from tests.rig.nix import Nix
from tests.rig.ports import free_port, free_range
from tests.rig.processes import MARK, assert_gone
from tests.rig.wait import until

from opencoderouter import __version__


def test_ocr(nix: Nix) -> None:
    """`nix run .#ocr -- --version` is what it is in every other installation."""
    assert nix.run("run", "ocr", "--", "--version") == f"ocr {__version__}\n"


def test_doctor(nix: Nix) -> None:
    """`nix run .#ocr-router -- doctor` looks at this machine."""
    told = nix.run("run", "ocr-router", "--", "doctor", "--port", str(free_port()))
    assert "No router runs here" in told


def test_checks(nix: Nix) -> None:
    """`nix flake check` passes: both programs start, and NixOS evaluates with the module."""
    nix.run("flake check")


def test_demo(nix: Nix, tmp_path: Path) -> None:
    """The processes that the router starts find its modules, though they are not Python's own."""
    program = nix.build("default") / "bin/ocr-router"
    port, scan, mark = free_port(), free_range(), f"nix-demo-{os.getpid()}"
    options = ("--no-mdns", "--port", port, "--scan-start", scan[0], "--scan-end", scan[-1])
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program, "demo", *map(str, options)],
            env=nix.environment | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            until(lambda: _ready(port) == ["hello-world", "web-shop"], what=log.read_text)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert_gone(mark)


def _ready(port: int) -> list[str]:
    try:
        rows = http.get(f"http://localhost:{port}/api/backends")
    except OSError:
        return []
    return [
        Path(row["project_path"]).name
        for row in rows
        if (row["managed"], row["status"]) == (True, "ready")
    ]


def test_image(nix: Nix) -> None:
    """The image runs as nobody in particular, keeps state in one place, and tells how it does."""
    with tarfile.open(nix.build("image")) as archive:
        (manifest,) = _json(archive.extractfile("manifest.json"))
        image = _json(archive.extractfile(manifest["Config"]))
        layer = archive.extractfile(manifest["Layers"][-1])
        with tarfile.open(fileobj=layer) as files:
            modes = {name: files.getmember(name).mode for name in ("tmp", "var/lib/opencoderouter")}
            assert files.getmember("bin/ocr-router").islnk() or files.getmember("bin/ocr").issym()
    assert manifest["RepoTags"] == ["opencoderouter:latest"]
    assert set(modes.values()) == {0o1777}
    config = image["config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["ocr-router"], ["serve"])
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {"/var/lib/opencoderouter": {}}
    assert config["Healthcheck"]["Test"] == ["CMD", "ocr-router", "health"]
    assert config["Labels"]["org.opencontainers.image.version"] == __version__


def test_image_again(nix: Nix) -> None:
    """Built again it is the same, bit for bit."""
    nix.build("image")
    nix.run("build", "image", "--rebuild", "--no-link")


def _json(file: IO[bytes] | None) -> Any:  # noqa: ANN401 - JSON is anything
    assert file
    return json.load(file)
