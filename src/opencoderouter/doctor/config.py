"""The settings: whether they can be read, whether others could change them, words misspelt."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.modes import closing
from opencoderouter.doctor.thread import threaded
from opencoderouter.settings import Settings
from opencoderouter.wiring.holder import user_name

_CODE = "config"
_WRITE, _OTHERS = 0o022, 0o077
_PASSWORD = re.compile(r"""^\s*["']?password["']?\s*=""", re.MULTILINE)
_BESIDE = {
    "OCR_CONFIG",
    "OCR_ROUTER",
    "OCR_ROUTER_USER",
    "OCR_TOKEN",
}  # variables that are no settings
_WHY = "It names programs that the router runs: who can change it runs commands as you."


def look(facts: Facts) -> Iterable[Finding]:
    """Tell what is wrong with file and environment; else where the settings come from."""
    found = [*_broken(facts), *_file(facts.config), *_misspelt(facts)]
    return found or (_fine(facts),)


def _broken(facts: Facts) -> Iterable[Finding]:
    if facts.broken:
        yield Finding(
            _CODE,
            Status.ERROR,
            "The settings cannot be used",
            (facts.broken,),
            "No command starts with them. The other checks go by what could be read, or by the "
            "defaults.",
            (f"Mend what it names, then: {_show(facts.config)}",),
        )


def _show(config: Path) -> str:
    usual = "OCR_CONFIG" not in os.environ
    return (
        "ocr-router config" if usual else f"OCR_CONFIG={shlex.quote(str(config))} ocr-router config"
    )


def _file(path: Path) -> Iterable[Finding]:
    try:
        there = path.stat()
    except OSError:
        return
    if there.st_uid not in {os.geteuid(), 0}:
        text = f"{path} belongs to {user_name(there.st_uid)}"
        mends = (shlex.join(["sudo", "chown", user_name(os.geteuid()), str(path)]),)
        yield Finding(_CODE, Status.ERROR, text, (), _WHY, mends)
    else:
        taken = _OTHERS if _has_password(path) else _WRITE
        if there.st_mode & taken:
            yield _open(path, there, taken)


def _has_password(path: Path) -> bool:
    try:
        return _PASSWORD.search(path.read_text(errors="replace")) is not None
    except OSError:
        return False


def _open(path: Path, there: os.stat_result, taken: int) -> Finding:
    """Return what is wrong with a mode of which the bits ``taken`` are too many."""
    mode = stat.S_IMODE(there.st_mode)
    ours = closing(path, mode, taken) if there.st_uid == os.geteuid() else None
    can = "change" if mode & _WRITE else "read"
    mends = (shlex.join(["chmod", "go-w" if taken == _WRITE else "go=", str(path)]),)
    why = _WHY if mode & _WRITE else "The password is in it: who knows it runs commands as you."
    text = f"Other users can {can} {path}"
    return Finding(_CODE, Status.ERROR, text, (f"mode {mode:o}",), why, mends, ours)


def _misspelt(facts: Facts) -> Iterable[Finding]:
    known = {f"OCR_{name.upper()}" for name in Settings.model_fields} | _BESIDE
    others = sorted(name for name in facts.environment if name.startswith("OCR_"))
    unknown = tuple(name for name in others if name not in known)
    if unknown:
        why = "A variable that is not known changes nothing: it may be misspelt."
        yield Finding(
            _CODE, Status.INFO, "There are OCR_ variables that are no settings", unknown, why
        )


def _fine(facts: Facts) -> Finding:
    said = (f"{n.replace('_', '-')}: {origin}" for n, origin in facts.origins.items())
    own = tuple(text for text in said if not text.endswith("default"))
    if not own:
        return Finding(_CODE, Status.OK, "All settings are the defaults")
    return Finding(_CODE, Status.OK, f"Settings that are not the defaults: {len(own)}", own)


CHECKS = (Check(_CODE, "The settings", threaded(look)),)
