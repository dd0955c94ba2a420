"""The user, and the versions of everything: what a report of a defect needs."""

from __future__ import annotations

import os
import platform
import pwd
import re
import shlex
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from opencoderouter import __version__
from opencoderouter.doctor.container import is_image
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import threaded

_USER, _VERSIONS = "user", "versions"
_NAME = re.compile(r"[\w.-]+")


def versions(_: Facts) -> Iterable[Finding]:
    """Tell the versions of this program and of all that it is made with."""
    needed = metadata.requires("opencoderouter") or []
    names = sorted({found[0] for line in needed if (found := _NAME.match(line))})
    seen = (
        f"Python {platform.python_version()} ({sys.implementation.name}), {sys.executable}",
        f"{platform.system()} {platform.release()} {platform.machine()}, {_system()}",
        ", ".join(f"{name} {_version(name)}" for name in names),
    )
    missing = [name for name in names if _version(name) == "missing" and name != "uvloop"]
    if missing:
        why = "Parts of the program cannot run."
        text = f"What ocr-router needs is not installed: {', '.join(missing)}"
        mends = ("pip install --force-reinstall opencoderouter",)
        return (Finding(_VERSIONS, Status.ERROR, text, seen, why, mends),)
    return (Finding(_VERSIONS, Status.INFO, f"ocr-router {__version__}", seen),)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return platform.platform(terse=True)


def user(facts: Facts) -> Iterable[Finding]:
    """Tell as whom the router and its servers run, and whether they have a home."""
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
        name, home = entry.pw_name, entry.pw_dir
    except KeyError:
        name, home = str(uid), ""
    sudo = facts.environment.get("SUDO_USER", "")
    return (judge(name, home, facts.home, sudo, inside=is_image(facts)),)


def is_usable(home: Path) -> bool:
    """Tell whether programs can keep their files in a home directory."""
    return home.is_dir() and os.access(home, os.W_OK | os.X_OK)


def judge(name: str, entered: str, home: Path, sudo: str, *, inside: bool = False) -> Finding:
    """Return what is wrong with a user whose home is ``home``; ``entered`` is passwd's.

    ``inside`` of an image it is a volume.
    """
    seen = (f"user {name}, HOME={home}", *([f"home of {name}: {entered}"] if entered else []))
    if not is_usable(home):
        text = f"The home directory {home} cannot be used"
        why = "OpenCode keeps sessions and settings there, and so does the router."
        volume = f"docker run --volume VOLUME:{shlex.quote(str(home))} ..."
        mends = (volume if inside else "HOME=DIRECTORY ocr-router serve",)
        return Finding(_USER, Status.ERROR, text, seen, why, mends)
    if sudo and name == "root" and Path(entered) != home:
        return Finding(
            _USER,
            Status.WARNING,
            f"This runs as root with the home directory of {sudo}",
            seen,
            "What is written there belongs to root, and is refused when you run it as yourself.",
            ("Leave out sudo: ocr-router doctor",),
        )
    return Finding(_USER, Status.OK, f"Servers run as {name}", seen)


CHECKS = (
    Check(_USER, "The user and the home directory", threaded(user)),
    Check(_VERSIONS, "Versions of everything", threaded(versions)),
)
