"""Real listeners, of OpenCode's kind and others, and what is said of each."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes import SECURE_AREA
from tests.fakes import http as reply
from tests.fakes import serving as answering
from tests.rig import http
from tests.rig.diagnosis import Patient, Row, facts
from tests.rig.ports import free_port, free_range
from tests.rig.program import stand_in
from tests.rig.router import router
from tests.rig.stranger import UID, heard, stranger, why_no_stranger
from tests.rig.wait import until

from opencoderouter.doctor.listeners import look

LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listening", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def user(tmp_path: Path) -> Patient:
    """Return a user with ports of their own, on whose PATH the stand-in is OpenCode."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_", "OPENCODE"))}
    ports = free_range()
    settings = {
        "HOME": str(tmp_path),
        "PATH": f"{stand_in(tmp_path / 'bin')}:{os.environ['PATH']}",
        "OCR_PORT": str(free_port()),
        "OCR_SCAN_START": str(ports[0]),
        "OCR_SCAN_END": str(ports[-1]),
    }
    return Patient(kept | settings)


@contextmanager
def serving(user: Patient, directory: Path, port: int, **more: str) -> Iterator[int]:
    """Run a server by hand; it answers when the block begins. The pid is that of the process."""
    directory.mkdir(exist_ok=True)
    with subprocess.Popen(
        ["opencode", "serve", "--port", str(port)],
        cwd=directory,
        env={**user.environment, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: http.answers(f"http://127.0.0.1:{port}/global/health"))
            yield process.pid
        finally:
            process.kill()


def rows(user: Patient, directory: Path) -> list[Row]:
    """Return what is said of one directory's server: others' run on this machine, too."""
    return [row for row in user.diagnose("listeners") if f"/{directory.name}" in json.dumps(row)]


def test_a_server_that_is_new(user: Patient, tmp_path: Path) -> None:
    """It is an OpenCode process and does not answer yet: no problem."""
    port = free_port()
    shop = tmp_path / f"shop-{port}"
    with serving(user, shop, port) as pid:
        assert all(row["status"] == "ok" for row in rows(user, shop))
        os.kill(pid, signal.SIGSTOP)
        (row,) = (
            row for row in user.diagnose("listeners") if f"pid {pid}," in str(row["evidence"])
        )
        # It has just been started: how it is when it is older is the other test's.
        assert (row["status"], row["summary"]) == ("info", "An OpenCode server is starting")
        os.kill(pid, signal.SIGCONT)
        assert all(row["status"] == "ok" for row in rows(user, shop))


def test_a_server_that_hangs(user: Patient, tmp_path: Path) -> None:
    """One that answered its router and does no more is told; started again, it is well."""
    env, log, port = user.environment, tmp_path / "log", free_port()
    shop = tmp_path / "shop"
    with (
        serving(user, shop, port) as pid,
        router([], environment=env, log=log, flags={"--port": env["OCR_PORT"]}) as running,
    ):
        running.ready(shop)
        os.kill(pid, signal.SIGSTOP)
        until(lambda: (running.find(shop) or {}).get("status") == "busy")
        (row,) = (
            row for row in user.diagnose("listeners") if f"pid {pid})" in str(row["evidence"])
        )
        assert (row["status"], row["summary"]) == ("info", "An OpenCode server does not answer")
        os.kill(pid, signal.SIGCONT)
        user.follow(str(row["mend"][0]))
        try:
            until(lambda: (running.find(shop) or {}).get("status") == "ready")
            assert rows(user, shop) == []
        finally:
            user.follow(f"ocr-router stop {shop}")


def test_with_a_router(user: Patient, tmp_path: Path) -> None:
    """What the router has taken in, and is ready, is not told."""
    env, log = user.environment, tmp_path / "log"
    flags = {"--port": env["OCR_PORT"]}
    shop = tmp_path / "shop"
    shop.mkdir()
    with router([shop], environment=env, log=log, flags=flags):
        assert rows(user, shop) == []


def test_programs_that_are_no_opencode(user: Patient) -> None:
    """In the range, they are told with who they are, and are no problem."""
    with socket.create_server(("127.0.0.1", int(user.environment["OCR_SCAN_START"]))):
        found = [row for row in user.diagnose("listeners") if "no OpenCode" in row["summary"]]
        assert [row["status"] for row in found] == ["info"]
        assert f"(pid {os.getpid()}," in found[0]["evidence"][0]


@pytest.mark.skipif(bool(why_no_stranger()), reason=why_no_stranger() or "-")
def test_other_users(user: Patient) -> None:
    """What is theirs is not taken in: told as theirs, and no problem."""
    with stranger(UID, LISTEN, user.environment["OCR_SCAN_START"]) as other:
        assert heard(other) == "listening"
        found = [row for row in user.diagnose("listeners") if "other users" in row["summary"]]
        assert [row["status"] for row in found] == ["info"]
        assert f"user {UID}" in found[0]["evidence"][0]


async def test_a_password_and_no_process(tmp_path: Path) -> None:
    """In a container that does not see the server's process it is not said to be no OpenCode."""
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").touch()
    (tmp_path / "proc/self/uid_map").write_text("0 0 4294967295\n")
    async with answering(lambda _: reply(401, "", www_authenticate=SECURE_AREA)) as server:
        known = facts(tmp_path, port=free_port(), scan_start=server.port, scan_end=server.port)
        found = list(await look(known))
    (finding,) = found
    assert "cannot be seen from here" in finding.summary
    assert finding.mend[0] == "docker run --network host --pid host ..."
