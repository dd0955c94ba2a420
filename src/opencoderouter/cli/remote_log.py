"""The log of ``ocr``: a file of this user's alone, for the terminal belongs to the screen."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from opencoderouter import private
from opencoderouter.logfile import LogFile
from opencoderouter.wiring.logs import TextFormatter

_log = logging.getLogger(__name__)
_MOST = 5_000_000  # octets; as many again five times
_LOUD = ("paramiko", "asyncio", "invoke", "fabric")  # tell every packet, or print tracebacks


def default_path() -> Path:
    """Return where the log is, unless the user names another file."""
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "opencoderouter" / "ocr.log"


def configure(path: Path | None, *, debug: bool) -> None:
    """Send all log lines to a file, the usual one where there is no path, and nowhere else.

    Raises OSError when it cannot be written; then log lines go nowhere.
    """
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.CRITICAL)
    if path is None:
        path = default_path()
        private.directory(path.parent)
    handler = _Handler(path)
    handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root.handlers[:] = [handler]


def unexpected(error: BaseException) -> str:
    """Log an exception with its traceback; return the path of the log, or nothing where none is."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, _Handler)]
    for handler in handlers:
        _log.error("ended by an exception", exc_info=error)
        return str(handler.path)
    return ""


class _Handler(logging.Handler):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, file = path, LogFile(path, _MOST)
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._file.renew()
            os.write(self._file.fd, f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except OSError:  # a full disk ends no session of a person
            return

    def close(self) -> None:
        self._file.close()
        super().close()
