"""Discovery of processes: OpenCode wherever it listens, and whose it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from tests.fakes import LET_IN, opencode, serving
from tests.rig.ports import free_range
from tests.wire.scan.scanning import PROC, Watched, scanning

from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Kind, Status
from opencoderouter.core.plan import Head, plan
from opencoderouter.core.refusals import Refuse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel of Linux")

# Listens on each address given, all on one port, and says which. Connections made before its
# first line of input are accepted and never answered. Ends with its input.
SERVE = """
import json, os, socket, sys, threading
said = {
    "/global/health": {"healthy": True, "version": "1.18.33"},
    "/path": {"directory": os.getcwd()},
    "/session/status": {},
}
awake = threading.Event()
def accept(listener):
    held = []
    while True:
        connection = listener.accept()[0]
        if not awake.is_set():
            held.append(connection)
            continue
        path = connection.recv(65536).split()[1].decode().partition("?")[0]
        body = json.dumps(said.get(path, [])).encode()
        head = "HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}"
        connection.sendall("\\r\\n".join([*head, "", ""]).encode() + body)
        connection.close()
def listen(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    threading.Thread(target=accept, args=[listener], daemon=True).start()
    return listener.getsockname()[1]
port = 0
for address in sys.argv[1:]:
    port = listen(address, port)
print(port, flush=True)
sys.stdin.readline()
awake.set()
print("awake", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A running server, deaf at first."""

    port: int
    pid: int
    stdin: IO[bytes]
    stdout: IO[bytes]

    def wake(self) -> None:
        """Let it answer from now on."""
        self.stdin.write(b"\n")
        self.stdin.flush()
        assert self.stdout.readline() == b"awake\n"


@contextmanager
def started(folder: Path, *addresses: str, name: str = "opencode") -> Iterator[Program]:
    """Run ``opencode serve`` in a folder."""
    program = folder.parent / name
    program.unlink(missing_ok=True)
    program.symlink_to(sys.executable)
    (folder / "serve").write_text(SERVE)
    command = [str(program), "serve", *addresses]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            yield Program(port, server.pid, server.stdin, server.stdout)
        finally:
            server.kill()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return the directory of a project."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


NOWHERE = range(1, 1)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
async def test_wherever_it_listens(app: Path, address: str) -> None:
    """OpenCode is found on any port and address, and gone when it is killed."""
    with started(app, address) as server:
        server.wake()
        async with scanning(NOWHERE, proc=PROC, listeners=Watched({server.port})) as scan:
            found = await scan.backend(server.port)
            assert (found.listener.address, found.listener.kind) == (address, Kind.SERVE)
            assert (found.listener.pid, found.status) == (server.pid, Status.READY)
            assert found.identity.directory == str(app)
            os.kill(server.pid, 9)
            await scan.gone(server.port)


async def test_starting(app: Path) -> None:
    """A server that has not answered yet is listed by its directory, and not routed to."""
    with started(app, "127.0.0.1") as server:
        async with scanning(
            NOWHERE, proc=PROC, listeners=Watched({server.port}), patience=0.2
        ) as scan:
            found = await scan.backend(server.port, bool)
            assert (found.status, found.identity.directory) == (Status.STARTING, str(app))
            head = Head("GET", "/app/session", (("Host", "localhost"),), "127.0.0.1")
            refused = plan(head, scan.table, Names("alice"), LET_IN)
            assert isinstance(refused, Refuse)
            assert (refused.status, refused.error) == (503, "project_down")
            server.wake()
            await scan.backend(server.port, lambda x: x.status is Status.READY)


async def test_starting_does_not_take_the_route(app: Path) -> None:
    """Whoever is ready first has the route, not who listened first."""
    with started(app, "127.0.0.1") as first, started(app, "127.0.0.1") as second:
        watched = Watched({first.port})
        async with scanning(NOWHERE, proc=PROC, listeners=watched, patience=0.2) as scan:
            await scan.backend(first.port, bool)
            second.wake()
            watched.ports = {first.port, second.port}
            table = await scan.until(lambda table: len(table.projects["app"].backends) == 2)
            table = await scan.until(
                lambda table: table.projects["app"].route.status is Status.READY
            )
            assert table.projects["app"].route.listener.port == second.port
            first.wake()
            await scan.backend(first.port, lambda x: x.status is Status.READY)
            assert scan.table.projects["app"].route.listener.port == second.port


async def test_dual_bind(app: Path) -> None:
    """A process on both loopback addresses is one server."""
    with started(app, "::1", "127.0.0.1") as server:
        server.wake()
        async with scanning(NOWHERE, proc=PROC, listeners=Watched({server.port})) as scan:
            await scan.backend(server.port)
            assert [x.listener.address for x in scan.table.backends()] == ["127.0.0.1"]


async def test_other_program(app: Path) -> None:
    """What is not OpenCode is left alone outside the range, whatever it answers."""
    ports = free_range()
    with started(app, "127.0.0.1", name="other") as server:
        server.wake()
        watched = Watched({server.port, ports[0]})
        async with (
            scanning(ports, listeners=watched, proc=PROC) as scan,
            serving(opencode(str(Path.cwd())), port=ports[0]),
        ):
            await scan.backend(ports[0])
            assert [x.listener.port for x in scan.table.backends()] == [ports[0]]


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
OTHERS = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
while True:
    print("connected", listener.accept(), flush=True)
"""


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv"), reason="needs root, to be somebody else"
)
def test_another_user() -> None:
    """What another user listens on is not even connected to."""
    ports = free_range()
    command = [*NOBODY, "/usr/bin/python3", "-c", OTHERS, str(ports[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"listens\n"
            assert asyncio.run(found_beside(ports)) == ["found"]
        finally:
            other.kill()
        assert other.stdout.read() == b""


async def found_beside(ports: range) -> list[str]:
    """Return the projects of a range, once there is one on its second port."""
    async with scanning(ports) as scan, serving(opencode("/srv/found"), port=ports[1]):
        await scan.backend(ports[1])
        return list(scan.table.projects)
