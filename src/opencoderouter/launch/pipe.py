"""What a server prints, on its way to an ``Output``."""

from __future__ import annotations

import asyncio
import os

from opencoderouter.launch.output import Output

_HOLDS = 1 << 16  # bytes


class Pipe:
    """Reads on the event loop whatever comes, at once, so that no writer ever waits.

    ``entrance`` is the descriptor to write to; whoever started the writer closes it with
    ``shut``, so that the end can be seen.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._exit, self.entrance = os.pipe()
        os.set_blocking(self._exit, False)
        self._open = True
        asyncio.get_running_loop().add_reader(self._exit, self.read)

    def shut(self) -> None:
        """Close the entrance."""
        os.close(self.entrance)

    def read(self) -> None:
        """Take what is there: all of it, when nobody writes any more."""
        if not self._open:
            return
        try:
            data = os.read(self._exit, _HOLDS)
        except BlockingIOError:
            return
        self._output.feed(data)
        if not data:
            self._close()

    def end(self) -> None:
        """Take what is there, and nothing more."""
        self.read()
        if self._open:
            self._close()

    def _close(self) -> None:
        self._open = False
        self._output.end()
        asyncio.get_running_loop().remove_reader(self._exit)
        os.close(self._exit)
