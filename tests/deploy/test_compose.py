"""The compose file, run for a user of the machine by docker compose, and by podman-compose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.engine import Completed, Engine
from tests.rig.ports import free_port
from tests.rig.rootless import NAME, UID
from tests.rig.trixie import COMPOSE, needs_apt, trixie
from tests.rig.wait import until

_FILE = Path(__file__).parents[2] / "deploy/compose.yaml"
_PODMAN_COMPOSE = str(Path(sys.executable).with_name("podman-compose"))
# Ports of the tests' own; nothing else is changed.
_OVERRIDE = """
services:
  router:
    environment: {{OCR_PORT: "{port}", OCR_MDNS: "false"}}
  dns:
    command: ["dns", "--no-mdns", "--port", "{port}", "--listen", "127.0.0.1:{dns}"]
"""


@dataclass(frozen=True, slots=True)
class Project:
    """What is run of the file: ``compose`` is the command with its options."""

    compose: tuple[str, ...]
    engine: Engine
    port: int

    def call(self, *argv: str) -> Completed:
        """Run compose, whether it fails or not."""
        return subprocess.run(
            [*self.compose, *argv],
            env=self.engine.environment,
            capture_output=True,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def run(self, *argv: str) -> str:
        """Run compose, which must not fail; return what it prints."""
        done = self.call(*argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def health(self, service: str, command: str) -> None:
        """Wait until the health check of a service passes."""
        self.run("exec", "-T", service, "ocr-router", "health", command, "--wait", "30s")


@contextmanager
def _up(program: str, engine: Engine, folder: Path) -> Iterator[Project]:
    port, override, env = free_port(), folder / "override.yaml", folder / "env"
    override.write_text(_OVERRIDE.format(port=port, dns=free_port()))
    env.write_text(f"UID={UID}\nGID={UID}\nOWNER={NAME}\n")
    options = f"-p ocr-rig-{port} --env-file {env} -f {_FILE} -f {override} --profile dns"
    project = Project((program, *options.split()), engine, port)
    try:
        project.run("up", "-d")
        yield project
    finally:
        project.run("down", "-v")


def _see_it_work(project: Project) -> None:
    """See both services healthy, the user's name, and that root of the machine is kept out."""
    project.health("router", "serve")
    project.health("dns", "dns")
    url = f"http://localhost:{project.port}"
    assert http.request("GET", f"{url}/api/backends").status == 401
    token = {"Authorization": f"Bearer {project.run(*_password())}"}
    assert http.request("GET", f"{url}/api/health", headers=token).json["username"] == NAME
    until(lambda: "router followed" in (done := project.call("logs", "dns")).stdout + done.stderr)


def _password() -> list[str]:
    return ["exec", "-T", "router", "ocr-router", "password"]


@needs_apt
def test_docker_compose(docker: Engine, docker_image: str, tmp_path: Path) -> None:
    """`docker compose up` runs router and DNS server, confined; down takes a moment, not a kill."""
    assert docker_image
    with _up(trixie(COMPOSE), docker, tmp_path) as project:
        _see_it_work(project)
        container = project.run("ps", "--quiet", "router")
        wanted = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.Config.User}}"
        assert docker.run("inspect", "-f", wanted, container) == f"true [ALL] {UID}:{UID}"
        assert project.run("stop", "router") == ""
        assert docker.run("inspect", "-f", "{{.State.ExitCode}}", container) == "0"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_podman_compose(podman: Engine, podman_image: str, tmp_path: Path) -> None:
    """podman-compose runs the same."""
    assert podman_image
    with _up(_PODMAN_COMPOSE, podman, tmp_path) as project:
        _see_it_work(project)


@needs_apt
def test_without_env(docker: Engine) -> None:
    """Nothing runs as somebody by accident: without .env compose says what is missing."""
    project = Project((trixie(COMPOSE), "-f", str(_FILE), "--env-file", os.devnull), docker, 0)
    done = project.call("config")
    assert done.returncode != 0
    assert "deploy/.env is missing" in done.stderr
