"""The router's port, and the range where servers are looked for and started."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from opencoderouter.core.model import Listener
from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import in_thread, threaded
from opencoderouter.fields import format_listening
from opencoderouter.kernel.addresses import interfaces, is_here
from opencoderouter.kernel.processes import process, socket_owners
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.wiring.holder import user_name

_PORT, _RANGE = "port", "scan-range"
_PORTS = 65536
_FEW = 10  # free ports in the range
_MANY = 5000  # ports, each of which is tried where the kernel cannot be asked
_WHY_RANGE = "Servers that the router starts get a port of this range."


async def port(facts: Facts) -> Iterable[Finding]:
    """Tell whether the router's port is free, its own, or somebody else's."""
    answer = await facts.router.get("/api/health")
    if isinstance(answer, Answered):
        ours = isinstance(answer.body, dict) and "healthy" in answer.body
    else:
        ours = answer.https
    return (await in_thread(_port, facts, ours=ours),)


def _port(facts: Facts, *, ours: bool) -> Finding:
    wanted, hostname = facts.settings.port, facts.settings.hostname
    if not ours and not is_here(hostname):
        return _nowhere(hostname)
    listeners = kernel_listeners(facts.proc)
    if listeners is None:
        text = "The kernel does not tell here who listens"
        return Finding(_PORT, Status.SKIPPED, text)
    every = listeners()
    held = sorted((x for x in every if x.port == wanted), key=lambda x: x.address)
    if not held:
        return _free(wanted, facts.proc)
    seen = tuple(
        f"{format_listening((one.address, one.port))}: {holder(one, facts.proc)}" for one in held
    )
    if ours and {one.uid for one in held} <= {os.getuid()}:
        return Finding(_PORT, Status.OK, f"Port {wanted} is the router's", seen)
    return _taken(wanted, seen, every)


def _nowhere(hostname: str) -> Finding:
    own = [one for face in interfaces() for one in face.addresses]
    return Finding(
        _PORT,
        Status.ERROR,
        f"--hostname {hostname} is no address of this machine",
        (f"its addresses: {', '.join(own)}",),
        "The router cannot start there.",
        ("ocr-router serve --hostname 127.0.0.1", "ocr-router serve --hostname 0.0.0.0"),
    )


def _taken(wanted: int, seen: tuple[str, ...], every: Iterable[Listener]) -> Finding:
    taken = {one.port for one in every}
    other = next(port for port in range(wanted + 1, wanted + _PORTS) if port not in taken)
    text = f"Port {wanted} is held by something that is not your router"
    why = "The router cannot start there, and who asks for it reaches another program."
    mends = (f"ocr-router serve --port {other if other < _PORTS else 8080}",)
    return Finding(_PORT, Status.ERROR, text, seen, why, mends)


def _free(wanted: int, proc: Path) -> Finding:
    least = _number(proc / "sys/net/ipv4/ip_unprivileged_port_start", 1024)
    if wanted < least and os.geteuid() != 0:
        return Finding(
            _PORT,
            Status.ERROR,
            f"Port {wanted} is root's",
            (f"ports below {least} need root (net.ipv4.ip_unprivileged_port_start)",),
            "The router cannot start there.",
            ("ocr-router serve --port 8080",),
        )
    return Finding(_PORT, Status.OK, f"Port {wanted} is free")


def holder(listener: Listener, proc: Path) -> str:
    """Return who has a socket: ``python3 -m http.server (pid 12, user bob)``."""
    user = user_name(listener.uid)
    if listener.inode is None:
        return f"user {user}"
    pid = socket_owners([listener.inode], proc=proc).get(listener.inode)
    found = process(pid, proc=proc) if pid else None
    if found is None:
        return f"a process of user {user}"
    return f"{' '.join(found.argv[:3])} (pid {found.pid}, user {user})"


def span(facts: Facts) -> Iterable[Finding]:
    """Tell whether servers find a port in the range, and nobody else does."""
    listeners = kernel_listeners(facts.proc)
    taken = {one.port for one in listeners()} if listeners else set()
    ports = facts.settings.ports
    free = [port for port in ports if port not in taken and port != facts.settings.port]
    text = f"{ports[0]} to {ports[-1]}"
    seen = (f"{text}: {len(free)} of {len(ports)} ports are free",)
    if len(free) < min(_FEW, len(ports)):
        return (_few(text, len(free), seen),)
    if listeners is None and len(ports) > _MANY:
        return (_large(text, seen),)
    clash = _ephemeral(facts.proc, ports)
    if clash:
        return (_overlap(text, clash, _reserved(facts.proc), seen),)
    return (Finding(_RANGE, Status.OK, f"Servers are started on ports {text}", seen),)


def _few(text: str, free: int, seen: tuple[str, ...]) -> Finding:
    left = "no port is free" if not free else f"only {free} ports are free"
    status = Status.ERROR if not free else Status.WARNING
    mends = ("ocr-router serve --scan-start 30000 --scan-end 31000",)
    return Finding(_RANGE, status, f"Of the range {text} {left}", seen, _WHY_RANGE, mends)


def _large(text: str, seen: tuple[str, ...]) -> Finding:
    why = "The kernel does not tell here who listens: every port is tried, again and again."
    mends = ("ocr-router serve --scan-start 30000 --scan-end 31000",)
    return Finding(_RANGE, Status.WARNING, f"The range {text} is large", seen, why, mends)


def _overlap(text: str, clash: range, reserved: str, seen: tuple[str, ...]) -> Finding:
    span_ = f"{clash[0]}-{clash[-1]}"
    every = f"{reserved},{span_}" if reserved else span_  # what is set replaces what was
    return Finding(
        _RANGE,
        Status.WARNING,
        f"Of the range {text} the kernel gives {span_} to outgoing connections",
        (*seen, "net.ipv4.ip_local_port_range and net.ipv4.ip_local_reserved_ports"),
        "A port that a connection has is not free for a server: a start fails by chance.",
        (
            "ocr-router serve --scan-start 30000 --scan-end 31000",
            f"sudo sysctl -w net.ipv4.ip_local_reserved_ports={every}",
        ),
    )


def _ephemeral(proc: Path, ports: range) -> range:
    """Return the part of ``ports`` that the kernel hands out, unless all of it is reserved."""
    try:
        words = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        first, last = int(words[0]), int(words[1])
    except (OSError, ValueError, IndexError):
        return range(0)
    both = range(max(first, ports[0]), min(last, ports[-1]) + 1)
    return range(0) if set(both) <= _ports(_reserved(proc)) else both


def _reserved(proc: Path) -> str:
    try:
        return (proc / "sys/net/ipv4/ip_local_reserved_ports").read_text().strip()
    except OSError:
        return ""


def _ports(text: str) -> set[int]:
    """Return the ports of a list such as ``8080,9000-9010``."""
    found = set[int]()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _number(path: Path, default: int) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return default


CHECKS = (
    Check(_PORT, "The router's port", port),
    Check(_RANGE, "The range of ports for servers", threaded(span)),
)
