"""What the user is told when a file cannot be used: which one, of what option, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opencoderouter.cli.failure import Failure

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

_REMEDIES = {  # by the name of a file that is damaged
    "tokens.json": "delete it and make the tokens anew: they do not work until then",
    "secrets.json": "`ocr-router password --rotate` makes it anew",
    "peers.json": "delete it and accept the routers anew: none is accepted until then",
    "logged-out.json": "delete it, and `ocr-router password --rotate` ends all sessions",
}


def refused(error: OSError, settings: Settings) -> Failure:
    """Return one line about the file that ``error`` names."""
    from opencoderouter.private import Damaged

    if not error.filename:
        return Failure(str(error))
    path = Path(error.filename)
    text = f"{_option(path, settings)}{path}: {error.strerror}"
    remedy = _REMEDIES.get(path.name) if isinstance(error, Damaged) else None
    return Failure(f"{text}; {remedy}" if remedy else text)


@contextmanager
def refusing(settings: Settings) -> Iterator[None]:
    """Let what the block cannot do with a file be the end of the command, in one line."""
    try:
        yield
    except OSError as error:
        raise refused(error, settings) from None


def _option(path: Path, settings: Settings) -> str:
    """Return the flag that names a file, with a space behind it, if one does."""
    if path == settings.password_file:
        return "--password-file "
    return "--state-dir " if settings.state_dir.is_relative_to(path) else ""
