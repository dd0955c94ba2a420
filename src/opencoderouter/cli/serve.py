"""``ocr-router serve`` and ``ocr-router demo``: run the router until it is told to stop."""

from __future__ import annotations

import errno
import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import completion, options
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refused
from opencoderouter.cli.program import find_program
from opencoderouter.core.printable import printable
from opencoderouter.presence import Presence, near, present

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

Projects = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROJECT",
        help="Directories to run `opencode serve` in.",
        autocompletion=completion.directories,
    ),
]

# A child finds its modules where this process does, and -I: nowhere else.
_STANDIN = """import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from opencoderouter.standin.__main__ import main; main()"""


@options.taking()
def serve(context: typer.Context, projects: Projects = None) -> int:
    """Find this user's OpenCode servers and route to them; start one in each PROJECT.

    Every option is also an environment variable (--scan-end is OCR_SCAN_END) and a line of
    ~/.config/opencoderouter/config.toml (scan_end = 31000).
    """
    settings, _ = options.settings(context)
    command = (find_program(settings.opencode),)
    return _run(settings, _directories(projects or []), command)


@options.taking()
def demo(context: typer.Context) -> int:
    """Show everything with two stand-in projects; OpenCode is not needed."""
    settings, origin = options.settings(context)
    with _folder() as folder:
        projects = [Path(folder) / "hello-world", Path(folder) / "web-shop"]
        for project in projects:
            project.mkdir()
        usual, settings.state_dir = settings.state_dir, Path(folder) / "state"
        if origin["hostname"] == "default":  # its password ends with it: nobody could be told
            settings.hostname = "127.0.0.1"
        path = os.pathsep.join(filter(None, sys.path))
        command = (sys.executable, "-I", "-c", _STANDIN, path)
        # `health`, which a container's engine asks, looks at the usual place.
        where = near([(settings.hostname, settings.port)])
        with present(usual, Presence("serve", settings.scheme, *where)):
            return _run(settings, [str(project) for project in projects], command)


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="ocr-demo-")
    except FileNotFoundError as error:  # a read-only root: no place is left
        raise Failure(
            f"demo: {error.strerror}; give it one (--tmpfs /tmp in a container)"
        ) from None


def _run(settings: Settings, projects: list[str], command: tuple[str, ...]) -> int:
    from opencoderouter.announce.dns.binding import Unbound
    from opencoderouter.core.named import Clash
    from opencoderouter.proxy.tls import TlsError
    from opencoderouter.wiring import logs
    from opencoderouter.wiring.serve import run

    _see_pair(settings)
    logs.configure(settings.log_format, settings.log_level)
    sockets = _listen(settings)
    try:
        return run(settings, sockets, projects, command, _say)
    except TlsError as error:
        raise Failure(f"{_tls_option(str(error), settings)}{error}", 2) from None
    except Clash as error:
        raise Failure(str(error), 2) from None
    except Unbound as error:
        raise Failure(f"--dns: {error.strerror}") from None
    except OSError as error:  # before anything ran: what goes wrong later comes in a group
        if not error.filename:
            raise
        if Path(error.filename) == Path(settings.access_log):
            raise Failure(f"--access-log {settings.access_log}: {error.strerror}", 2) from None
        raise refused(error, settings) from None


def _see_pair(settings: Settings) -> None:
    """Raise Failure for a certificate without a key, which is good for clients only, or a key."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert and not key:
        raise Failure(f"--tls-cert {cert}: needs the key, too (--tls-key)", 2)
    if key and not cert:
        raise Failure(f"--tls-key {key}: needs the certificate, too (--tls-cert)", 2)


def _tls_option(message: str, settings: Settings) -> str:
    """Return the flag of the file that a message begins with."""
    named = message.startswith((f"{settings.tls_key}:", f"{settings.tls_key},"))
    return "--tls-key " if named else "--tls-cert "


def _listen(settings: Settings) -> list[list[socket.socket]]:
    """Return listening sockets for each process. Raises Failure: nothing was started."""
    from opencoderouter.proxy.listening import CAN_SHARE, PortTaken, bind
    from opencoderouter.wiring.holder import holder
    from opencoderouter.wiring.listen import warn_if_open

    if settings.workers > 1 and not CAN_SHARE:
        raise Failure(f"--workers {settings.workers}: only Linux can share a port; use 1", 2)
    try:
        sockets = bind(settings.hostname, settings.port, settings.workers)
    except PortTaken as taken:
        who = f"{holder(taken.port)} listens on it ({taken.address})"
        raise Failure(f"--port {taken.port}: {who}; stop that, or choose another port") from None
    except PermissionError:
        hint = "ports below 1024 need root; choose another"
        raise Failure(f"--port {settings.port}: {hint}") from None
    except OSError as error:
        here = error.errno != errno.EADDRNOTAVAIL
        reason = error.strerror or error if here else "is no address of this machine"
        raise Failure(f"--hostname {settings.hostname}: {reason}", 2) from None
    warn_if_open(settings.auth, [one.getsockname()[0] for one in sockets[0]])
    return sockets


def _say(message: str) -> None:
    """Print, whatever the terminal can show; a router runs on when nobody reads."""
    encoding = sys.stdout.encoding or "ascii"
    with suppress(OSError, ValueError):
        sys.stdout.write(message.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()


def _directories(projects: list[str]) -> list[str]:
    found = dict.fromkeys(str(Path(project).expanduser().resolve()) for project in projects)
    for directory in found:
        if not Path(directory).is_dir():
            what = "not a directory" if Path(directory).exists() else "there is no such directory"
            raise Failure(f"{printable(directory)}: {what}", 2)
    return list(found)
