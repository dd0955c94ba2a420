"""Real OpenCode servers in other containers and on the host, found by a router in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.network import Network
from tests.rig import http, projects
from tests.rig.engine import Engine
from tests.rig.model import model_server
from tests.rig.opencode import rig as make_rig
from tests.rig.ports import free_port
from tests.rig.vessel import Vessel, launched
from tests.rig.wait import until

pytestmark = pytest.mark.e2e
FAR, PORT = "/srv/far", 30010
SERVE = ["opencode", "serve", "--hostname", "0.0.0.0", "--port", str(PORT)]
QUIET = {f"OPENCODE_DISABLE_{what}": "1" for what in ("AUTOUPDATE", "MODELS_FETCH")}


@pytest.fixture(scope="module")
def far(docker: Engine, opencode_image: str, lan: Network) -> Iterator[Vessel]:
    """Run an OpenCode server in a container by itself."""
    with launched(
        docker,
        opencode_image,
        network=lan,
        name="far",
        env=QUIET,
        entrypoint=SERVE,
        working_dir=FAR,
        waits=False,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def near(docker: Engine, docker_image: str, lan: Network, far: Vessel) -> Iterator[Vessel]:
    """Run a router in the same network, which is told of the server."""
    command = ("serve", "--no-mdns", "--backend", f"far=http://far:{PORT}")
    with launched(docker, docker_image, *command, network=lan, name="near") as running:
        until(lambda: running.get("far/path", headers=running.login()).status == 200, what=far.log)
        yield running


def test_other_container(near: Vessel) -> None:
    """A server in another container is reached by its URL: answers, and an event stream."""
    key = near.login()
    assert near.get("far/path", headers=key).json["directory"] == FAR
    assert near.get("far/session", headers=key).json == []
    with http.opened("GET", f"{near.url}/far/event", headers=key) as stream:
        assert next(http.events(stream))["type"] == "server.connected"


def test_no_password(near: Vessel) -> None:
    """Who comes from outside of the container gets nothing of it without the password."""
    assert near.get("far/path").status == 401


def test_shared_network(docker: Engine, docker_image: str, far: Vessel) -> None:
    """In the network of another container, its servers are found without being told of."""
    url = f"http://{far.address()}:8080"
    network = f"container:{far.id}"
    command = ("serve", "--no-mdns")
    with launched(docker, docker_image, *command, url=url, network_mode=network) as running:
        entry = running.ready(FAR, headers=running.login())
        assert entry["port"] == PORT


def test_stopped(docker: Engine, docker_image: str, lan: Network, far: Vessel) -> None:
    """SIGTERM ends it well, within five seconds, though an event stream is open."""
    command = ("serve", "--no-mdns", "--backend", f"far=http://{far.address()}:{PORT}")
    with launched(docker, docker_image, *command, network=lan, name="brief") as running:
        key = running.login()
        until(lambda: running.get("far/path", headers=key).status == 200, what=running.log)
        with http.opened("GET", f"{running.url}/far/event", headers=key) as stream:
            assert next(http.events(stream))["type"] == "server.connected"
            assert running.stop(within=5) == 0, running.log()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_on_the_host(docker: Engine, docker_image: str, tmp_path: Path) -> None:
    """With the host's network, processes and user it is as outside of a container.

    Servers are found with their directories, on any port; our programs come in freely, agents'
    tools do not; and there is no route when the server has ended.
    """
    with model_server() as model, make_rig(tmp_path / "home", model) as rig:
        directory = projects.repository(tmp_path / f"host-{rig.mark}")
        with on_the_host(docker, docker_image) as running, rig.serving(directory) as server:
            entry = running.ready(str(directory))
            assert entry["port"] == server.port
            assert http.get(f"{running.url}/{entry['slug']}/path")["directory"] == str(directory)
            assert asked_by_an_agent(running) == "401"
            server.kill()
            until(lambda: running.find(str(directory)) is None, what=running.log)


def test_own_processes(docker: Engine, docker_image: str) -> None:
    """Without the host's processes nobody can be told from an agent's tool: all need the password.

    Not who is in the container.
    """
    with on_the_host(docker, docker_image, pid_mode=None) as running:
        assert running.get("api/backends").status == 401
        assert running.get("api/backends", headers=running.login()).status == 200
        running.run("ocr-router", "ls", "--port", running.url.rpartition(":")[2])


def on_the_host(
    docker: Engine, image: str, pid_mode: str | None = "host"
) -> AbstractContextManager[Vessel]:
    """Run a router with the host's network and processes, as our own user."""
    port, user = free_port(), f"{os.getuid()}:{os.getgid()}"
    # Root's processes have more rights than a container, which may not read of them without this.
    rights: dict[str, Any] = {"cap_add": ["SYS_PTRACE"]} if os.getuid() == 0 else {}
    return launched(
        docker,
        image,
        *("serve", "--no-mdns", "--port", str(port)),
        url=f"http://localhost:{port}",
        network_mode="host",
        pid_mode=pid_mode,
        user=user,
        **rights,
    )


def asked_by_an_agent(router: Vessel) -> str:
    """Return the status that a tool of an agent gets."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{router.url}/api/backends"]
    environment = {**os.environ, "OPENCODE": "1"}
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout
