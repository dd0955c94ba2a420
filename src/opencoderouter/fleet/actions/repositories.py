"""Cloning a repository on a host."""

from __future__ import annotations

import re
from collections.abc import Callable

from opencoderouter.core.fleet import clone as rules
from opencoderouter.core.fleet import scripts
from opencoderouter.core.fleet.commands import is_place
from opencoderouter.core.fleet.control import Done, Failed, Outcome, Progress
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions.site import Site

_WITHIN = 3600.0  # seconds; large repositories, slow lines
_KEPT = 20  # lines of git that tell what went wrong
_OWN = ("directory ", "failed ")
_LINE = re.compile(rb"[\r\n]")
_REASONS = {
    "target": "the directory must be absolute, or begin with ~/",
    "parent": "the directory to clone into is in none that is there",
    "writable": "the directory cannot be made",
    "exists": "there is something at that place already",
    "git": "there is no git",
    "clone": "git has not cloned it",
}


class Lines:
    """Tells whole lines of what comes in pieces; git ends those of progress with a return.

    What stands before the script's beginning is left out, and so is what it says itself.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._rest, self._begun = tell, b"", False

    def feed(self, piece: bytes) -> None:
        """Take a piece."""
        *lines, self._rest = _LINE.split(self._rest + piece)
        for line in lines:
            self._take(line.decode(errors="replace").strip())

    def _take(self, line: str) -> None:
        if self._begun and line and not line.startswith(_OWN):
            self._tell(printable(line))
        self._begun = self._begun or line == scripts.BEGIN


async def clone(site: Site, url: str, target: str, progress: Progress) -> Outcome:
    """Clone to a directory that is not there yet, or empty; else nothing is there afterwards."""
    if why := rules.refusal(url):
        return site.failed(why)
    if not is_place(target) or not target.strip("/~"):
        return site.failed(_REASONS["target"])
    done = await site.run(rules.clone(url, target), _WITHIN, Lines(progress).feed)
    if isinstance(done, Failed):
        return done
    said = _LINE.split(scripts.after_begin(done.stdout) or b"")
    lines = [line.decode(errors="replace") for line in said if line.strip()]
    word, _, value = lines.pop().partition(" ") if lines else ("", "", "")
    if word != "directory":
        return site.failed(_REASONS.get(value, _REASONS["clone"]), "\n".join(lines[-_KEPT:]))
    directory = scripts.real_path(value)
    return Done(f"{printable(site.host.name)}: cloned to {printable(directory)}", directory)
