"""A screen that lends its terminal to a command: ``python lender.py COMMAND FILE`` in a real one.

It never rests. FILE is made when a hundred frames were due while the terminal was lent.
"""

from __future__ import annotations

import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static

from opencoderouter.core.fleet.control import Foreground
from opencoderouter.tui.terminal import lend

_FRAMES = 100  # more than Textual holds back for a terminal that takes none


class Lender(App[None]):
    """Shows a counter that never rests, and lends on ``l``."""

    BINDINGS = [("l", "lend"), ("q", "quit")]  # noqa: RUF012 - as Textual declares it

    def compose(self) -> ComposeResult:
        """Show the two lines."""
        yield Static("screen", id="counter")
        yield Static("", id="ended")

    def on_mount(self) -> None:
        """Begin to count."""
        self.count = 0
        self.lent_at = sys.maxsize
        self.set_interval(0.005, self.tick)

    def tick(self) -> None:
        """Count on."""
        self.count += 1
        self.query_one("#counter", Static).update(f"screen {self.count}")
        if self.count == self.lent_at + _FRAMES:
            Path(sys.argv[2]).touch()

    def action_lend(self) -> None:
        """Lend, beside the screen."""
        self.run_worker(self._lend())

    async def _lend(self) -> None:
        program = Foreground(("sh", "-c", sys.argv[1]), "", {"LENT": "yes"})
        self.lent_at = self.count
        ended = await lend(self, program)
        text = f"ended {ended.code} said {' / '.join(ended.last.splitlines())}."
        self.query_one("#ended", Static).update(text)


if __name__ == "__main__":
    Lender().run()
