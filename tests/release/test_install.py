"""The wheel, as a user installs it: by pipx, and as a tool of uv."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.release.conftest import Release, run
from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.wait import until

from opencoderouter import __version__

PROGRAMS = {"ocr-router": "ocr-router", "ocr": "ocr", "opencoderouter": "ocr-router"}


def newest_python() -> str:
    """Return the newest Python that is there: Debian's, this one, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (14, 13, 12):
        named = Path(f"/usr/bin/python3.{minor}")
        for python in (named, *sorted(pyenv.glob(f"3.{minor}.*/bin/python3"))):
            if python.exists():
                return str(python)
    return sys.executable


def commands(installer: str, tools: Path, wheel: Path) -> tuple[list[str], list[str]]:
    """Return what installs the wheel, and what takes it away again."""
    python = sys.executable if installer == "pipx" else newest_python()
    program = [str(tools / installer), *(["tool"] if installer == "uv" else [])]
    install = [*program, "install", "--python", python, str(wheel)]
    return install, [*program, "uninstall", "opencoderouter"]


def left(home: Path) -> list[str]:
    """Return the files below a folder that tell of the program; the installer keeps its locks."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if "opencode" in path.name or path.name.startswith("ocr")
        if path.suffix != ".lock"
    ]


@contextmanager
def serving(program: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run ``ocr-router serve``; yield its address."""
    port = free_port()
    command = [
        str(program),
        "serve",
        "--mdns=false",
        "--hostname",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            assert process.wait(30) == 0


def health(url: str) -> http.Json:
    """Return what the router says of itself; None while it does not answer."""
    try:
        return http.get(f"{url}/api/health")
    except (OSError, HTTPException):
        return None


@pytest.mark.parametrize("installer", ["pipx", "uv"])
def test_installed(
    installer: str,
    tools: Path,
    downloads: Path,
    release: Release,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """Every program runs; the router serves; the fleet has this machine; nothing is left of it."""
    home = Path(environment["HOME"])
    environment["PATH"] = f"{home}/.local/bin:{tools}:{environment['PATH']}"
    cached = environment | {
        "UV_CACHE_DIR": str(downloads),
        "PIP_CACHE_DIR": str(downloads),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    install, uninstall = commands(installer, tools, release.wheel)
    run(install, cached)
    programs = {name: home / ".local/bin" / name for name in PROGRAMS}
    for name, path in programs.items():
        assert run([path, "--version"], environment) == f"{PROGRAMS[name]} {__version__}\n"
    with serving(programs["ocr-router"], environment) as url:
        said = until(lambda: health(url))
    assert (said["healthy"], said["version"]) == (True, __version__)
    (tmp_path / "ssh").touch()
    answer = run(
        [programs["ocr"], "hosts", "--json", "--ssh-config", tmp_path / "ssh"], environment
    )
    assert isinstance(json.loads(answer), list)
    assert "complete_fish" in run([programs["ocr"], "completion", "fish"], environment)
    state = {name for name in left(home) if name.startswith((".local/state", ".cache"))}
    run(uninstall, cached)
    assert not any(path.exists() or path.is_symlink() for path in programs.values())
    assert [name for name in left(home) if name not in state] == []
