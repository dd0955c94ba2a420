"""The machine that is measured on: what it is, its cores, its limits, its free ports."""

from __future__ import annotations

import os
import platform
import resource
import socket
from dataclasses import dataclass
from pathlib import Path

_RANGE = 1001  # ports, as the router's default range
_LOWEST, _HIGHEST = 20_000, 31_000  # below the ports that the kernel gives to clients


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the proxy runs, and where load generator and backend run; as ``taskset -c`` takes."""

    proxy: str
    load: str

    @property
    def apart(self) -> bool:
        """Tell whether proxy and load have cores of their own."""
        return self.proxy != self.load


def cores() -> Cores:
    """Return the last core this process may use for the proxy, and all others for the load."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(str(usable[-1]), ",".join(map(str, usable[:-1] or usable)))


def facts() -> dict[str, str]:
    """Return what the report tells of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "CPU": f"{cpu_model(Path('/proc/cpuinfo').read_text())}, {os.cpu_count()} cores",
        "Memory": f"{memory:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Load before": f"{os.getloadavg()[0]:.2f}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def cpu_model(cpuinfo: str) -> str:
    """Return the name of the first CPU in ``/proc/cpuinfo``."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "model name"), "?")


def allow_many_files() -> int:
    """Raise the limit of open files as far as this user may; return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def free_port() -> int:
    """Return a port that nobody listens on, not one that the kernel gives to clients."""
    for port in range(_LOWEST + os.getpid() % 5000, _HIGHEST):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError("no free port")


def free_range() -> range:
    """Return 1,001 ports, most of them free."""
    start = _HIGHEST + 200
    return range(start, start + _RANGE)


def free_in(ports: range, count: int) -> list[int]:
    """Return ``count`` free ones of ``ports``."""
    found = [port for port in ports if port not in _given and _is_free(port)][:count]
    _given.update(found)
    return found


_given: set[int] = set()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
