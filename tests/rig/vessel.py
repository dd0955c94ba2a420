"""Running containers of the image, as their user runs them, by testcontainers."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from types import MappingProxyType
from typing import Any

from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from tests.rig import http
from tests.rig.engine import Engine
from tests.rig.http import Json, Reply
from tests.rig.processes import MARK
from tests.rig.wait import until

PORT = 8080
# Its reaper is an image of its own; and a file /.dockerenv does not make this a container.
testcontainers_config.ryuk_disabled = True
testcontainers_config.connection_mode_override = ConnectionMode.docker_host
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vessel:
    """A container that was started; ``mark`` is in the environment of all that runs there."""

    engine: Engine
    container: DockerContainer
    mark: str
    url: str

    @property
    def id(self) -> str:
        """Return the container's id."""
        return str(self.container.get_container_id())

    @property
    def state(self) -> Json:
        """Return what the engine says of it now: ``Status``, ``ExitCode``, ``Health``."""
        return self._facts()["State"]

    def address(self) -> str:
        """Return its address in its network."""
        networks = self._facts()["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def log(self) -> str:
        """Return all that it has printed."""
        return b"".join(self.container.get_logs()).decode()

    def run(self, *command: str) -> str:
        """Return what a command in it prints, which must go well."""
        code, output = self.container.exec([*command])
        assert code == 0, (command, code, output)
        return str(output.decode()).strip()

    def password(self) -> str:
        """Return the router's password, as its user learns it.

        With the host's network, what is said of a router on another port is no part of it.
        """
        command = ["ocr-router", "password"]
        done = self.container.get_wrapped_container().exec_run(command, demux=True)
        printed, said = done.output
        assert done.exit_code == 0, said
        return str(printed.decode()).strip()

    def get(self, path: str = "", *, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the router's answer to somebody who shows nothing but ``headers``."""
        return http.request("GET", f"{self.url}/{path}", headers=headers)

    def post(self, path: str, body: Json, *, headers: Mapping[str, str]) -> Json:
        """Return what the router answers to a body, None when that is nothing."""
        reply = http.request("POST", f"{self.url}/{path}", body, headers=headers)
        assert reply.status in {200, 202, 204}, reply
        return reply.json if reply.body else None

    def login(self) -> Mapping[str, str]:
        """Return the header that shows the password."""
        pair = base64.b64encode(f"opencode:{self.password()}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def find(self, directory: str, *, headers: Mapping[str, str] = _NONE) -> Json:
        """Return the router's entry of a directory, or None."""
        entries = self.get("api/backends", headers=headers).json
        return next((one for one in entries if one["project_path"] == directory), None)

    def ready(self, directory: str, *, headers: Mapping[str, str] = _NONE) -> Json:
        """Return the router's entry of a directory when its server has answered."""

        def probe() -> Json:
            entry = self.find(directory, headers=headers)
            return entry if entry and entry["status"] == "ready" else None

        return until(probe, what=self.log)

    def answers(self) -> bool:
        """Tell whether the router answers; fail when it has ended."""
        assert self.state["Status"] in {"created", "running"}, self.log()
        try:
            return bool(self.get("api/health").json["healthy"])
        except (OSError, HTTPException):
            return False

    def stop(self, *, within: int) -> int:
        """Have the engine end it: SIGTERM, and SIGKILL after so many seconds. Return its code."""
        self.container.get_wrapped_container().stop(timeout=within)
        return int(self.state["ExitCode"])

    def _facts(self) -> Json:
        inner = self.container.get_wrapped_container()
        inner.reload()
        return inner.attrs


def network(engine: Engine) -> Network:
    """Return a network of an engine, in which containers know each other's names, as a block."""
    return Network(docker_client_kw={"environment": engine.variables})


@contextmanager
def launched(
    engine: Engine,
    image: str,
    *command: str,
    url: str = "",
    network: Network | None = None,
    name: str = "",
    env: Mapping[str, str] = _NONE,
    waits: bool = True,
    **options: Any,  # noqa: ANN401 - what testcontainers and docker-py take, they check
) -> Iterator[Vessel]:
    """Run a container while the block lasts; the router's API answers when it begins (``waits``).

    ``name`` is what it is called in its ``network``; a ``url`` is where the host reaches it, by
    default by a published port.
    """
    mark = f"vessel-{secrets.token_hex(6)}"
    if network is not None:
        options |= {"network": network, "network_aliases": [name]}
    if not url:
        options["ports"] = [PORT]
    options["docker_client_kw"] = {"environment": engine.variables}
    unstarted = DockerContainer(image, env={**env, MARK: mark}, **options)
    with unstarted.with_command([*command]) as container:
        published = url or f"http://127.0.0.1:{container.get_exposed_port(PORT)}"
        vessel = Vessel(engine, container, mark, published)
        if waits:
            until(vessel.answers, what=vessel.log)
        yield vessel
