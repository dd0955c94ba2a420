"""Which kind of client this machine is: by its files, which are looked at and not changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MINIMAL = re.compile(r"\bmdns[46]?_minimal\s+\[NOTFOUND=return\]")
_STUBS = {"127.0.0.53", "127.0.0.54"}  # where systemd-resolved listens
_LOOPBACK = {"127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Machine:
    """``systems`` are to be set up here, the one that programs ask first; they may be none."""

    systems: tuple[str, ...]


def look(root: Path, platform: str) -> Machine:
    """Return what the machine whose files are below ``root`` uses.

    ``platform`` is as ``sys.platform`` has it.
    """
    return Machine(("macos",) if platform == "darwin" else tuple(_linux(root)))


def _linux(root: Path) -> Iterator[str]:
    if "microsoft" in _text(root / "proc/sys/kernel/osrelease").lower():
        yield "wsl"
    if resolver := _resolver(root):
        yield resolver
    if _MINIMAL.search(_hosts(root)):
        yield "nss-mdns"
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        yield "container"


def _resolver(root: Path) -> str | None:
    """Return who answers for what stands in resolv.conf."""
    servers = set(_nameservers(root))
    if servers & _STUBS or re.search(r"\bresolve\b", _hosts(root)):
        return "resolved"
    if (root / "run/NetworkManager").is_dir():
        return "networkmanager"
    if servers & _LOOPBACK and (root / "etc/dnsmasq.d").is_dir():
        return "dnsmasq"
    return None


def _nameservers(root: Path) -> Iterator[str]:
    for line in _text(root / "etc/resolv.conf").splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            yield words[1]


def _hosts(root: Path) -> str:
    lines = _text(root / "etc/nsswitch.conf").splitlines()
    found = [line.partition("#")[0] for line in lines if line.strip().startswith("hosts:")]
    return found[0] if found else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
