"""The screen, from what a command line says; ``ocr`` alone comes here at once.

Nothing that reads command lines is loaded: that takes longer than to draw the first frame.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_trouble import tell

if TYPE_CHECKING:
    from opencoderouter.cli.remote_signals import Ending


@dataclass(slots=True, kw_only=True)
class Chosen:
    """The options that every command takes."""

    config: str = ""
    ssh_config: str = ""
    log_file: str = ""
    debug: bool = False


def at_once() -> int:
    """Show all hosts; return the exit code. Failures are one line on stderr."""
    try:
        return show(Chosen(), ())
    except Exception as error:  # noqa: BLE001 - the last to be told, whatever it is
        return tell(error)


def show(chosen: Chosen, given: Sequence[str]) -> int:
    """Show the given hosts, or all. Raises Failure."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure("the screen needs a terminal; `ocr ls` prints the same without one", 2)
    if os.environ.get("TERM") == "dumb":
        raise Failure("TERM is dumb: nothing can be drawn there; `ocr ls` prints the same", 2)
    gc.disable()  # what is loaded stays; the screen enables it when its first frame is there
    from opencoderouter.cli.remote_fleet import log, reader, run
    from opencoderouter.wiring.remote import screen

    file = reader(chosen)
    log(chosen)
    _generate(chosen)

    async def work(ending: Ending) -> int:
        return ending.code(await screen(file, given, ending.ends))

    return run(work)


def _generate(chosen: Chosen) -> None:
    """Write the configuration on the first run; where that cannot be, all is as by default."""
    from opencoderouter.cli.remote_fleet import say
    from opencoderouter.preferences.defaults import generate
    from opencoderouter.preferences.reader import default_path

    if chosen.config:
        return
    try:
        generate(default_path())
    except OSError as error:
        say(f"{default_path()} is not written: {error.strerror}")
