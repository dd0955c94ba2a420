"""The state directory: whose it is, who can get at it, whether there is room, what is in it.

Nothing is changed by looking: the router itself closes what it may close when it starts.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.modes import closing
from opencoderouter.doctor.thread import threaded
from opencoderouter.wiring.holder import user_name

_CODE = "state-dir"
_OTHERS = 0o077
_ROOM = 20 << 20  # octets; a log is moved away at 50 MB, names and tokens are small
_JSON = {  # what mends a file that is damaged
    "leases.json": "projects get their names anew",
    "secrets.json": "",
    "tokens.json": "tokens must be made anew",
    "logged-out.json": "then `ocr-router password --rotate` ends all sessions",
    "peers.json": "other routers must be accepted anew",
    "dns-setup.json": "what `dns setup --apply` wrote must be taken back by hand",
}
_WHY = "Names, the password and tokens are kept there: who can read it is let in as you."
_WHY_WRITE = "Names of projects, the password and tokens cannot be kept."


def look(facts: Facts) -> Iterable[Finding]:
    """Tell all that is wrong with the directory; else that it is fine."""
    path = facts.settings.state_dir
    try:
        there = path.lstat()
    except FileNotFoundError:
        return (_missing(path),)
    except OSError as error:
        return (_no_access(path, str(error.strerror)),)
    found = [*_directory(path, there)] or [*_files(path), *_room(path)]
    return found or (_fine(path, there),)


def _missing(path: Path) -> Finding:
    above = next(parent for parent in path.parents if parent.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        text = f"There is none yet: `serve` makes {path}"
        return Finding(_CODE, Status.OK, text)
    seen = (f"{above} cannot be written by {user_name(os.geteuid())}",)
    return Finding(
        *(_CODE, Status.ERROR, f"{path} cannot be made", seen, _WHY_WRITE),
        ("ocr-router serve --state-dir DIRECTORY",),
    )


def _no_access(path: Path, reason: str) -> Finding:
    seen = (f"{path}: {reason}",)
    mends = ("ocr-router serve --state-dir DIRECTORY",)
    return Finding(_CODE, Status.ERROR, f"{path} cannot be used", seen, _WHY_WRITE, mends)


def _directory(path: Path, there: os.stat_result) -> Iterable[Finding]:
    if not stat.S_ISDIR(there.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(there.st_mode) else "no directory"
        yield _no_access(path, f"is {kind}; the router uses what it leads to, named as it is")
    elif there.st_uid != os.geteuid():
        yield _foreign(path, there)
    else:
        if there.st_mode & _OTHERS:
            yield _open(path, there)
        if not os.access(path, os.W_OK | os.X_OK):
            yield _no_access(path, _read_only(path))


def _read_only(path: Path) -> str:
    mounted = os.statvfs(path).f_flag & os.ST_RDONLY
    return "its file system is read-only" if mounted else "cannot be written"


def _foreign(path: Path, there: os.stat_result) -> Finding:
    me = user_name(os.geteuid())
    return Finding(
        _CODE,
        Status.ERROR,
        f"{path} belongs to {user_name(there.st_uid)}, not to {me}",
        (f"owner {there.st_uid}, mode {stat.S_IMODE(there.st_mode):o}",),
        f"{_WHY} The router refuses what is not its user's own; `sudo ocr-router` leaves such.",
        (shlex.join(["sudo", "chown", "-R", me, str(path)]),),
    )


def _open(path: Path, there: os.stat_result) -> Finding:
    """Return what can be mended: the owner is us."""
    mode = stat.S_IMODE(there.st_mode)
    shown = shlex.quote(str(path))
    seen = (f"{path}: mode {mode:o}, owner {user_name(there.st_uid)}",)
    text = f"Other users have access to {path}"
    return Finding(
        _CODE, Status.ERROR, text, seen, _WHY, (f"chmod go= {shown}",), closing(path, mode, _OTHERS)
    )


def _files(path: Path) -> Iterable[Finding]:
    for file in sorted(path.iterdir()):
        with suppress(FileNotFoundError):  # replaced just now
            there = file.lstat()
            if there.st_uid != os.geteuid():
                yield _foreign(file, there)
            elif there.st_mode & _OTHERS and not stat.S_ISLNK(there.st_mode):
                yield _open(file, there)
            elif file.name in _JSON and not _is_json(file):
                yield _damaged(file)


def _is_json(file: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError):
        return isinstance(json.loads(file.read_bytes()), dict)
    return False


def _damaged(file: Path) -> Finding:
    aside = shlex.join(["mv", str(file), f"{file}.damaged"])
    after = _JSON[file.name]
    mend = f"{aside}  # {after}" if after else "ocr-router password --rotate"
    return Finding(
        _CODE,
        Status.ERROR,
        f"{file.name} is damaged",
        (f"{file}: no JSON object",),
        "What it holds is not known; the router neither uses nor replaces it.",
        (mend,),
    )


def _room(path: Path) -> Iterable[Finding]:
    system = os.statvfs(path)
    free = system.f_bavail * system.f_frsize
    if system.f_files and not system.f_favail:
        yield _full(path, "no file can be made there: all inodes are used")
    elif free < _ROOM:
        yield _full(path, f"{free >> 20} MB are free")


def _full(path: Path, seen: str) -> Finding:
    text = f"The file system of {path} is full"
    mends = (shlex.join(["du", "-xsh", str(path)]), "ocr-router serve --state-dir DIRECTORY")
    return Finding(_CODE, Status.ERROR, text, (seen,), _WHY_WRITE, mends)


def _fine(path: Path, there: os.stat_result) -> Finding:
    system = os.statvfs(path)
    free = system.f_bavail * system.f_frsize >> 20
    seen = (f"mode {stat.S_IMODE(there.st_mode):o}, {free} MB are free",)
    return Finding(_CODE, Status.OK, f"{path} is yours alone", seen)


CHECKS = (Check(_CODE, "The state directory", threaded(look)),)
