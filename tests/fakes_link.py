"""A host that answers what it is told to: a ``Link`` without any host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opencoderouter.core.fleet.model import HostState, Unreached, Via
from opencoderouter.core.fleet.transport import Completed, NotForwarded, Stream

NOTHING = Completed(0, b"", b"")


def ok(body: object, status: int = 200) -> bytes:
    """Return an answer with JSON."""
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(data)}\r\n\r\n".encode() + data


@dataclass(slots=True)
class FakeLink:
    """``answers`` are the octets for ``PORT METHOD TARGET``; None is never answered.

    What is not in it is refused as a port where nobody listens. ``runs`` says what a script
    prints, and ``broken`` what becomes of it then; ``asked`` are the heads of all requests.
    """

    answers: Mapping[str, bytes | None] = field(default_factory=dict)
    runs: Callable[[str, bytes], Completed | Unreached] = lambda _command, _stdin: NOTHING
    refused: NotForwarded | Unreached | None = None
    broken: Unreached | None = None
    asked: list[str] = field(default_factory=list)
    open: int = 0
    via: Via = Via.FABRIC
    via_reason: str = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Print what it is told to."""
        assert within > 0
        done = self.runs(command, stdin)
        if on_output is not None and isinstance(done, Completed):
            on_output(done.stdout[:7])
            on_output(done.stdout[7:])
        return self.broken or done

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> Stream | NotForwarded | Unreached:
        """Connect to a port that has answers."""
        assert within > 0
        known = any(name.startswith(f"{port} ") for name in self.answers)
        if self.refused is not None:
            return self.refused
        self.open += known
        return FakeStream(self, port) if known else NotForwarded(f"{address}: refused")

    def targets(self, port: int) -> list[str]:
        """Return what a port was asked, in order of the alphabet."""
        start = f"{port} GET "
        return sorted(one.removeprefix(start) for one in self.asked if one.startswith(start))


@dataclass(slots=True)
class FakeStream:
    """One connection."""

    link: FakeLink
    port: int
    answer: bytes | None = None

    async def send(self, data: bytes) -> None:
        """Take a request."""
        method, target, _ = data.split(b"\r\n")[0].decode().split(" ")
        name = f"{self.port} {method} {target}"
        self.link.asked.append(name)
        self.answer = self.link.answers.get(name, b"HTTP/1.1 404 Not Found\r\n\r\n")

    async def receive(self, most: int) -> bytes:
        """Give some of the answer."""
        if self.answer is None:
            await asyncio.Event().wait()
        assert self.answer is not None
        size = min(most, 50) if len(self.answer) < 1000 else most
        piece, self.answer = self.answer[:size], self.answer[size:]
        return piece

    async def close(self) -> None:
        """End it."""
        self.link.open -= 1


UNREACHED = Unreached(HostState.UNREACHABLE, "no route", mend=("ping it",))
