"""The file as it is on the first run.

It is made of the schema beforehand (``preferences.template``): what reads it or writes it, at each
start, loads neither the schema nor a parser.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from importlib import resources
from pathlib import Path


def content() -> bytes:
    """Return the whole file."""
    return (resources.files("opencoderouter.preferences") / "remote-tui.yaml").read_bytes()


def generate(path: Path) -> bool:
    """Write the file (0600) if there is none; tell whether it was written. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content())
        with suppress(FileExistsError):
            os.link(temporary, path)  # all of it at once, and never over another
            return True
    finally:
        temporary.unlink()
    return False
