"""The proxies that are compared. All do one job: lead one host name to one backend.

Each keeps the Host field, sets X-Forwarded-For, passes WebSockets on, and buffers no body.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import configs
from bench.answers import NAME
from bench.install import Tools

OURS, DIRECT = "ours", "direct"
_AIOHTTP = Path(__file__).with_name("plain_aiohttp.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a proxy. ``environment`` is added to the common one."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


# Its port, the backend's port, and a folder for its files, to how it is started.
Starter = Callable[[int, int, Path], Launch]


@dataclass(frozen=True, slots=True)
class Proxy:
    """One row of the tables."""

    key: str
    title: str
    version: str
    launch: Starter


@dataclass(frozen=True, slots=True)
class Missing:
    """A proxy that cannot be had."""

    title: str
    reason: str


TITLES = {
    OURS: "OpenCodeRouter",
    "aiohttp": "plain aiohttp",
    "go-original": "Go ReverseProxy, original's transport",
    "go-tuned": "Go ReverseProxy, tuned",
    "caddy": "Caddy",
    "envoy": "Envoy",
    "haproxy": "HAProxy",
    "nginx": "nginx",
    DIRECT: "(no proxy)",
}
_NEEDS = {
    "go-original": "reverseproxy",
    "go-tuned": "reverseproxy",
    **{name: name for name in ("caddy", "envoy", "haproxy", "nginx")},
}
_VERSIONS = {
    "caddy": ("version",),
    "envoy": ("--version",),
    "haproxy": ("-v",),
    "nginx": ("-v",),
    "go": ("version",),
    "wrk": ("-v",),
}


def proxies(
    tools: Tools, router: Path, wanted: frozenset[str]
) -> tuple[list[Proxy], list[Missing]]:
    """Return the wanted proxies, ours first, and those of them that cannot be had."""
    starters = _starters(tools, router)
    there, missing = list[Proxy](), list[Missing]()
    for key, starter in starters.items():
        need = _NEEDS.get(key, "")
        if key not in wanted:
            continue
        if need in tools.missing:
            missing.append(Missing(TITLES[key], tools.missing[need]))
        else:
            there.append(Proxy(key, TITLES[key], _version(key, tools, router), starter))
    return there, missing


def _starters(tools: Tools, router: Path) -> dict[str, Starter]:
    found = tools.found
    return {
        OURS: lambda port, backend, folder: router_launch(
            router, port, range(backend, backend + 1), folder
        ),
        "aiohttp": lambda port, backend, _: Launch(
            (sys.executable, "-P", str(_AIOHTTP), str(port), NAME, str(backend))
        ),
        "go-original": lambda port, backend, _: _go(tools, "original", port, backend),
        "go-tuned": lambda port, backend, _: _go(tools, "tuned", port, backend),
        "caddy": lambda port, backend, folder: Launch(
            (
                *(str(found["caddy"]), "run", "--adapter", "caddyfile", "--config"),
                _write(folder / "Caddyfile", configs.caddy(port, backend)),
            ),
            {"GOMAXPROCS": "1"},
        ),
        "envoy": lambda port, backend, folder: Launch(
            (
                *(str(found["envoy"]), "--concurrency", "1", "--disable-hot-restart"),
                *("-l", "warning", "--config-path"),
                _write(folder / "envoy.json", json.dumps(configs.envoy(port, backend))),
            )
        ),
        "haproxy": lambda port, backend, folder: Launch(
            (
                *(str(found["haproxy"]), "-db", "-f"),
                _write(folder / "haproxy.cfg", configs.haproxy(port, backend)),
            )
        ),
        "nginx": lambda port, backend, folder: Launch(
            (
                *(str(found["nginx"]), "-p", str(folder), "-e", "stderr", "-c"),
                _write(folder / "nginx.conf", configs.nginx(port, backend, root=os.geteuid() == 0)),
            )
        ),
    }


def router_launch(router: Path, port: int, scan: range, folder: Path) -> Launch:
    """Return how our router is started, with a state of its own."""
    flags = {
        "--hostname": "127.0.0.1",
        "--port": str(port),
        "--username": "bench",
        "--scan-start": str(scan[0]),
        "--scan-end": str(scan[-1]),
        "--state-dir": str(folder / "state"),
    }
    return Launch(
        (str(router), "serve", "--mdns=false", *(part for flag in flags.items() for part in flag))
    )


def _go(tools: Tools, mode: str, port: int, backend: int) -> Launch:
    argv = (str(tools.found["reverseproxy"]), mode, str(port), NAME, str(backend))
    return Launch(argv, {"GOMAXPROCS": "1"})


def _write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def _version(key: str, tools: Tools, router: Path) -> str:
    if key == OURS:
        return _said(str(router), "--version")
    if key == "aiohttp":
        return _said(sys.executable, "-c", "import aiohttp; print(aiohttp.__version__)")
    return tool_version(tools, "go" if key.startswith("go-") else key)


def tool_version(tools: Tools, name: str) -> str:
    """Return the version of one of the programs."""
    return _said(str(tools.found[name]), *_VERSIONS[name])


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return version_in(done.stdout + done.stderr)


def version_in(text: str) -> str:
    """Return the first thing in ``text`` that looks like a version."""
    match = re.search(r"\d+\.\d+\.\d+[\w.+~-]*", text)
    return match[0] if match else "?"
