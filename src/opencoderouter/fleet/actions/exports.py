"""What is kept of sessions before they are deleted: a file each, ours alone, never overwritten."""

from __future__ import annotations

import os
import re
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.fleet import values

_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]+")
_MODE = 0o600


def trouble(content: bytes, session: str) -> str:
    """Return why this is no whole export of a session; nothing when it is one."""
    told = values.mapping(values.load(content))
    if not told:
        return "the export is not whole JSON"
    if values.mapping(told.get("info")).get("id") != session:
        return "the export is of another session"
    messages = told.get("messages")
    if not isinstance(messages, list) or len(values.rows(messages)) != len(messages):
        return "the export has no messages"
    return ""


def save(folder: Path, alias: str, session: str, content: bytes) -> Path:
    """Write a new file to a folder that is ours alone, so that it outlasts a crash; return it.

    Raises OSError; nothing is left then.
    """
    private.directory(folder)
    stem = f"{_UNSAFE.sub('_', alias).strip('.') or 'host'}-{session}"
    path, fd = _new(folder, stem)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _new(folder: Path, stem: str) -> tuple[Path, int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    number = 1
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            return path, os.open(path, flags, _MODE)
        except FileExistsError:
            number += 1
