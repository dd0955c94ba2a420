"""Parts for tests with real processes: a launcher that discovers by hand, and who is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from tests.rig.ports import free_range
from tests.rig.wait import until as blocking_until

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Listener, Status
from opencoderouter.kernel.credentials import authorization
from opencoderouter.kernel.processes import process
from opencoderouter.kernel.sockets import Listeners, kernel_listeners
from opencoderouter.launch import tree
from opencoderouter.launch.launcher import Launcher
from opencoderouter.launch.machine import Policy
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry

_PROGRAM = Path(__file__).with_name("serve.py")
KERNEL = kernel_listeners()
QUICK = Policy(start_timeout=20, backoff=(0.05, 0.1), dispose=2, grace=0.5)


def program(*habits: str) -> tuple[str, ...]:
    """Return a command that takes the place of ``opencode``."""
    return (sys.executable, "-S", str(_PROGRAM), *habits)


async def until(probe: Callable[[], object]) -> None:
    """Return when ``probe`` is true; only a hang reaches the time limit."""
    async with asyncio.timeout(30):
        while not probe():  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.01)


def living(directory: Path) -> dict[int, str]:
    """Return the processes that work in a directory, servers and tools: pid to command line."""
    found = {}
    for pid, stat in tree.read_tree().items():
        entry = Path(f"/proc/{pid}")
        try:
            if not stat.zombie and (entry / "cwd").readlink() == directory:
                found[pid] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def nothing() -> AbstractContextManager[IO[bytes]]:
    """Open what swallows output."""
    return Path("/dev/null").open("wb")


def run(script: str, directory: Path, *, inherit: bool = False) -> subprocess.Popen[bytes]:
    """Start a shell script in a session of its own; with what descriptors it may ``inherit``."""
    return subprocess.Popen(
        ["/bin/sh", "-c", script], cwd=directory, close_fds=not inherit, start_new_session=True
    )


def descriptors(pid: int) -> list[str]:
    """Return what a process has open."""
    return [entry.readlink().name for entry in Path(f"/proc/{pid}/fd").iterdir()]


def guards(router: int) -> list[int]:
    """Return the guards of a router."""
    now = tree.read_tree()
    children = (pid for pid, stat in now.items() if stat.parent == router and not stat.zombie)
    return [p for p in children if b"launch.guard" in Path(f"/proc/{p}/cmdline").read_bytes()]


def _backend(managed: Managed) -> Backend:
    assert managed.port is not None
    assert managed.pid is not None
    owner = process(managed.pid)
    listener = Listener(
        "127.0.0.1",
        managed.port,
        inode=managed.pid,
        pid=managed.pid,
        authorization=authorization(owner, managed.port) if owner else None,
    )
    return Backend(listener, Identity(managed.directory, "1"), Status.READY)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and no zombie."""
    stat = tree.read_tree().get(pid)
    return stat is not None and not stat.zombie


async def discover(registry: Registry, launcher: Launcher) -> None:
    """Tell the registry which of the launcher's servers listen: what the scanner does."""
    kernel = kernel_listeners()
    assert kernel is not None
    seen: dict[int, Backend] = {}
    while True:
        ports = {listener.port for listener in kernel()}
        for port in seen.keys() - ports:
            registry.forget(seen.pop(port).listener)
        for managed in launcher.managed.values():
            if managed.port in ports - seen.keys() and managed.pid is not None:
                found = _backend(managed)
                seen[found.listener.port] = found
                registry.observe(found)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def launching(
    *directories: Path,
    command: Sequence[str],
    registry: Registry | None = None,
    ports: range | None = None,
    reserved: frozenset[int] = frozenset(),
    policy: Policy = QUICK,
    ready: asyncio.Event | None = None,
    listeners: Listeners | None = KERNEL,
) -> AsyncIterator[Launcher]:
    """Run a launcher for the time of the block."""
    registry = registry or Registry()
    if ready is None:
        ready = asyncio.Event()
        ready.set()
    async with Client(timeout=2) as client, asyncio.TaskGroup() as tasks:
        launcher = Launcher(
            registry,
            client,
            command=command,
            ports=ports or free_range(),
            reserved=reserved,
            listeners=listeners,
            policy=policy,
        )
        run = tasks.create_task(launcher.run([str(d) for d in directories], ready=ready))
        found = tasks.create_task(discover(registry, launcher))
        await asyncio.sleep(0)  # it has begun: the projects are known
        try:
            yield launcher
        finally:
            run.cancel()
            await asyncio.wait([run])
            found.cancel()


def installed(folder: Path, *habits: str) -> str:
    """Write a program that the process table shows as ``opencode``; return its path."""
    program = folder / "opencode"
    folder.mkdir(parents=True, exist_ok=True)
    run = f"import runpy, sys\nsys.argv[1:1] = {habits!r}\nrunpy.run_path({str(_PROGRAM)!r})\n"
    program.write_text(f"#!{sys.executable}\n{run}")
    program.chmod(0o755)
    return str(program)


@contextmanager
def handmade(
    home: Path, command: str, port: int, *, habits: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a person would, in a directory; it listens when the block begins."""
    argv = [installed(home.parent / f"{home.name}-bin", *habits), command]
    argv += ["--hostname", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(argv, cwd=home, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            if "mute" not in habits:
                blocking_until(lambda: _listens(port))
            yield process
        finally:
            process.kill()
            for pid in living(home):
                os.kill(pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    kernel = kernel_listeners()
    return kernel is not None and port in {listener.port for listener in kernel()}


def folders(tmp_path: Path, *names: str) -> list[Path]:
    """Make directories."""
    for name in names:
        (tmp_path / name).mkdir()
    return [tmp_path / name for name in names]


async def status(launcher: Launcher, directory: Path, wanted: Status) -> Managed:
    """Return the project when it has this status."""
    await until(lambda: launcher.managed[str(directory)].status is wanted)
    return launcher.managed[str(directory)]


async def settled(launcher: Launcher, *directories: Path) -> list[Managed]:
    """Return the projects when all are ready."""
    return [await status(launcher, directory, Status.READY) for directory in directories]
