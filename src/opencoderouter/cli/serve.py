"""``ocr-router serve`` and ``ocr-router demo``: run the router until it is told to stop."""

from __future__ import annotations

import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opencoderouter.cli import options
from opencoderouter.cli.failure import Failure
from opencoderouter.cli.program import find_program
from opencoderouter.core.printable import printable

if TYPE_CHECKING:
    from opencoderouter.settings import Settings

Projects = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROJECT", help="Directories to run `opencode serve` in."),
]


@options.taking()
def serve(context: typer.Context, projects: Projects = None) -> int:
    """Find this user's OpenCode servers and route to them; start one in each PROJECT.

    Every option is also an environment variable (--scan-end is OCR_SCAN_END) and a line of
    ~/.config/opencoderouter/config.toml (scan_end = 31000).
    """
    settings, origin = options.settings(context)
    command = (find_program(settings.opencode),)
    return _run(settings, origin, _directories(projects or []), command)


@options.taking()
def demo(context: typer.Context) -> int:
    """Show everything with two stand-in projects; OpenCode is not needed."""
    settings, origin = options.settings(context)
    with tempfile.TemporaryDirectory(prefix="ocr-demo-") as folder:
        projects = [Path(folder) / "hello-world", Path(folder) / "web-shop"]
        for project in projects:
            project.mkdir()
        settings.state_dir = Path(folder) / "state"
        command = (sys.executable, "-m", "opencoderouter.standin")
        return _run(settings, origin, [str(project) for project in projects], command)


def _run(
    settings: Settings, origin: dict[str, str], projects: list[str], command: tuple[str, ...]
) -> int:
    from opencoderouter.wiring import logs
    from opencoderouter.wiring.serve import run

    logs.configure(settings.log_format, settings.log_level)
    sockets = _listen(settings, given=origin["hostname"] != "default")
    try:
        return run(settings, sockets, projects, command, _say)
    except OSError as error:
        if error.filename != settings.access_log:
            raise
        raise Failure(f"--access-log {settings.access_log}: {error.strerror}", 2) from None


def _listen(settings: Settings, *, given: bool) -> list[list[socket.socket]]:
    """Return listening sockets for each process. Raises Failure: nothing was started."""
    from opencoderouter.proxy.listening import CAN_SHARE, PortTaken, bind
    from opencoderouter.wiring.holder import holder
    from opencoderouter.wiring.listen import NotAllowed, listen_address

    if settings.workers > 1 and not CAN_SHARE:
        raise Failure(f"--workers {settings.workers}: only Linux can share a port; use 1", 2)
    try:
        address = listen_address(settings.hostname, settings.auth, given=given)
        return bind(address, settings.port, settings.workers)
    except NotAllowed as error:
        raise Failure(str(error), 2) from None
    except PortTaken as taken:
        who = f"{holder(taken.port)} listens on it ({taken.address})"
        raise Failure(f"--port {taken.port}: {who}; stop that, or choose another port") from None
    except PermissionError:
        hint = "ports below 1024 need root; choose another"
        raise Failure(f"--port {settings.port}: {hint}") from None
    except OSError as error:
        reason = error.strerror or error
        raise Failure(f"--hostname {settings.hostname}: {reason}", 2) from None


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
