"""The guard process by itself, spoken to over its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.rig.wait import until
from tests.wire.launch.rig import living

TOOL = "setsid sleep 1000 & env -i setsid sh -c 'sleep 1000 & wait' & echo up; wait"
MAIN = """if True:
    import os, socket, sys
    from opencoderouter.launch import guard, tree
    def forbidden(*_):
        raise PermissionError
    {patch}
    tree.become_subreaper()
    guard.Guard(socket.socket(fileno=int(sys.argv[1])), "{proc}").run()
"""


class Router:
    """The router's end. ``program`` is what Python runs as the guard."""

    def __init__(self, *program: str) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(30)
        with theirs:
            self.guard = subprocess.Popen(
                [sys.executable, *program, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.reports = self.socket.makefile("rb")

    def spawn(self, server: str, script: str, directory: Path, password: str | None = None) -> int:
        """Have a shell script started; return where its output can be read."""
        read, write = os.pipe()
        order = {"do": "spawn", "server": server, "argv": ["/bin/sh", "-c", script]}
        line = json.dumps({**order, "directory": str(directory), "password": password})
        socket.send_fds(self.socket, [line.encode() + b"\n"], [write])
        os.close(write)
        return read

    def order(self, do: str, server: str, **more: int) -> None:
        """Give an order."""
        self.socket.sendall(json.dumps({"do": do, "server": server, **more}).encode() + b"\n")

    def heard(self) -> dict[str, Any]:
        """Return the next report."""
        report = json.loads(self.reports.readline())
        assert isinstance(report, dict)
        return report

    def hang_up(self) -> None:
        """Be gone, as a router that was killed is."""
        self.reports.close()
        self.socket.close()


@contextmanager
def guarding(*program: str) -> Iterator[Router]:
    """Run a guard."""
    router = Router(*(program or ("-P", "-m", "opencoderouter.launch.guard")))
    try:
        yield router
    finally:
        router.hang_up()
        router.guard.wait(30)


def line(descriptor: int) -> bytes:
    """Return the first line of a script's output."""
    with os.fdopen(descriptor, "rb") as output:
        return output.readline()


def test_started_and_exited(tmp_path: Path) -> None:
    """A server's start and end are reported, with pid and exit code; its output arrives."""
    with guarding() as router:
        output = router.spawn("a-1", "echo $OCR_SERVER_ID in $PWD; exit 7", tmp_path)
        started = router.heard()
        assert (started["did"], started["server"]) == ("started", "a-1")
        assert line(output) == f"a-1 in {tmp_path}\n".encode()
        assert router.heard() == {"did": "exited", "server": "a-1", "code": 7}


def test_password(tmp_path: Path) -> None:
    """A server's password is in its environment, and in nobody's arguments."""
    with guarding() as router:
        script = "echo $OPENCODE_SERVER_USERNAME $OPENCODE_SERVER_PASSWORD; exec sleep 1000"
        output = router.spawn("a-1", script, tmp_path, "xyzzy-1")
        assert line(output) == b"opencode xyzzy-1\n"
        pids = [router.heard()["pid"], router.guard.pid]
        assert not [p for p in pids if b"xyzzy" in Path(f"/proc/{p}/cmdline").read_bytes()]
        assert line(router.spawn("a-2", "echo ${OPENCODE_SERVER_PASSWORD-none}", tmp_path)) == (
            b"none\n"
        )


def test_failed(tmp_path: Path) -> None:
    """What cannot be started is reported with errno and path; the guard goes on."""
    with guarding() as router:
        read = router.spawn("a-1", "true", tmp_path / "nothing")
        failed = {"did": "failed", "server": "a-1", "errno": 2, "path": str(tmp_path / "nothing")}
        assert router.heard() == failed
        assert line(read) == b""  # the guard keeps no descriptor
        os.close(router.spawn("a-2", "true", tmp_path))
        assert [router.heard()["did"] for _ in range(2)] == ["started", "exited"]


def test_what_a_server_inherits(tmp_path: Path) -> None:
    """A server has a session, three descriptors, signals not ignored, and dies with the guard."""
    with guarding() as router:
        script = "exec sleep 1000"
        os.close(router.spawn("a-1", script, tmp_path))
        pid = router.heard()["pid"]
        until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        assert os.getsid(pid) == os.getpgid(pid) == pid
        # The loader of `sleep` has its libraries open for a moment; what is inherited stays.
        descriptors = Path(f"/proc/{pid}/fd")
        until(lambda: {d.name for d in descriptors.iterdir()} == {"0", "1", "2"}, within=30)
        assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
        status = Path(f"/proc/{pid}/status").read_text()
        ignored = int(status.partition("SigIgn:\t")[2].split()[0], 16)
        # Not all 64: `make` hands down two of glibc's own, a background shell SIGQUIT.
        numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)
        assert not [number for number in numbers if ignored >> (number - 1) & 1]
        router.guard.kill()
        until(lambda: not living(tmp_path))


def test_router_gone(tmp_path: Path) -> None:
    """When the router's end closes, nothing is left: setsid, env -i, deaf, forking or not."""
    deaf = "trap '' TERM HUP INT; while :; do sleep 0.01; done"
    with guarding() as router:
        outputs = [
            router.spawn(f"a-{number}", script, tmp_path)
            for number, script in enumerate((TOOL, TOOL, deaf))
        ]
        until(lambda: len(living(tmp_path)) >= 9)
        router.hang_up()
        assert router.guard.wait(30) == 0
        assert living(tmp_path) == {}
        for output in outputs:
            os.close(output)


def test_router_gone_amid_an_order() -> None:
    """Half an order is no order."""
    with guarding() as router:
        router.socket.sendall(b'{"do": "spawn", "ser')
        router.hang_up()
        assert router.guard.wait(30) == 0


def test_signals_of_the_family(tmp_path: Path) -> None:
    """A Ctrl-C or a service manager's SIGTERM to everybody does not end the guard."""
    with guarding() as router:
        output = router.spawn("a-1", "echo up; exec sleep 1000", tmp_path)
        router.heard()
        assert line(output) == b"up\n"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            router.guard.send_signal(number)
        router.order("signal", "a-1", number=signal.SIGTERM)
        assert router.heard() == {"did": "exited", "server": "a-1", "code": -15}
        router.hang_up()
        assert router.guard.wait(30) == 0


def test_sweep(tmp_path: Path) -> None:
    """A sweep kills what one server left, marked or seen before; the other's tools go on."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with guarding() as router:
        for server, folder in (("a-1", ours), ("a-2", theirs)):
            folder.mkdir()
            output = router.spawn(server, TOOL, folder)
            router.heard()
            assert line(output) == b"up\n"
        until(lambda: len(living(ours)) == len(living(theirs)) == 4)
        router.order("look", "a-1")
        assert router.heard() == {"did": "looked", "server": "a-1"}
        router.order("signal", "a-1", number=signal.SIGTERM)
        assert router.heard() == {"did": "exited", "server": "a-1", "code": -15}
        until(lambda: len(living(ours)) == 3)
        router.order("sweep", "a-1")
        assert router.heard() == {"did": "swept", "server": "a-1"}
        assert living(ours) == {}
        assert len(living(theirs)) == 4


def test_sweep_of_forgotten_tools(tmp_path: Path) -> None:
    """A tool whose parents have all ended is known by its mark."""
    script = "(setsid sh -c 'echo up; exec sleep 1000' &); exec sleep 1000"
    with guarding() as router:
        output = router.spawn("a-1", script, tmp_path)
        assert router.heard()["did"] == "started"
        assert line(output) == b"up\n"
        router.order("signal", "a-1", number=signal.SIGKILL)
        assert router.heard()["code"] == -9
        assert len(living(tmp_path)) == 1
        router.order("sweep", "a-1")
        assert router.heard()["did"] == "swept"
        assert living(tmp_path) == {}


def test_own_group(tmp_path: Path) -> None:
    """What shares a server's process group ends with it, marked or not."""
    with guarding() as router:
        os.close(router.spawn("a-1", "env -i sleep 1000 & exit 3", tmp_path))
        assert [router.heard()["did"] for _ in range(2)] == ["started", "exited"]
        until(lambda: not living(tmp_path))


def test_group_ends_before_its_number_is_free(tmp_path: Path) -> None:
    """A server's group is killed while the dead server still holds the number."""
    record = tmp_path / "record"
    patch = f"os.killpg = lambda pid, _: os.stat(f'/proc/{{pid}}') and open({str(record)!r}, 'w')"
    with guarding("-W", "ignore", "-c", MAIN.format(patch=patch, proc="/proc")) as router:
        os.close(router.spawn("a-1", "exit 3", tmp_path))
        assert [router.heard()["did"] for _ in range(2)] == ["started", "exited"]
    assert record.exists()


def test_orders_about_nobody(tmp_path: Path) -> None:
    """A signal to a server that has ended goes nowhere; a sweep of nothing is done at once."""
    with guarding() as router:
        router.order("signal", "gone", number=signal.SIGKILL)
        router.order("look", "gone")
        assert router.heard()["did"] == "looked"
        router.order("sweep", "gone")
        assert router.heard() == {"did": "swept", "server": "gone"}
        os.close(router.spawn("a-1", "true", tmp_path))
        assert router.heard()["did"] == "started"


@pytest.mark.parametrize(
    "tools", ["sleep 1000 & sleep 1000", "trap '' TERM; sleep 1000; sleep 1000"]
)
def test_without_proc_and_prctl(tmp_path: Path, tools: str) -> None:
    """Where the kernel tells nothing (macOS), process groups still die with the router."""
    with guarding("-c", MAIN.format(patch="tree._LIBC = None", proc="/nonexistent")) as router:
        output = router.spawn("a-1", f"echo up; {tools}", tmp_path)
        assert router.heard()["did"] == "started"
        assert line(output) == b"up\n"
        router.hang_up()
        assert router.guard.wait(30) == 0
        until(lambda: not living(tmp_path))


def test_imports_little() -> None:
    """The guard loads none of the package but itself, ``tree`` and names."""
    program = "import sys, opencoderouter.launch.guard; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = done.stdout.decode().split()
    ours = {name for name in loaded if name.startswith("opencoderouter")}
    names = {"kernel", "kernel.marks", "launch", "launch.guard", "launch.tree"}
    assert ours == {"opencoderouter", *(f"opencoderouter.{name}" for name in names)}
    assert not {"asyncio", "aiohttp", "dataclasses", "logging"} & set(names)


def test_out_of_reach(tmp_path: Path) -> None:
    """The guard ends although somebody below it may not be killed (a set-uid tool)."""
    script = "setsid sh -c 'echo up; exec sleep 1000' & wait"
    with guarding("-c", MAIN.format(patch="os.kill = forbidden", proc="/proc")) as router:
        output = router.spawn("a-1", script, tmp_path)
        assert line(output) == b"up\n"
        router.hang_up()
        assert router.guard.wait(30) == 0
        (left,) = living(tmp_path)
        os.kill(left, signal.SIGKILL)
