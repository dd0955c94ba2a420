"""What an answer proves of itself: which project, port, process, client and request it is of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

FIELD = "X-Proof"  # the response field; a body begins with the same words


@dataclass(frozen=True, slots=True)
class Proof:
    """``boot`` names one run of a server; ``peer`` is the client's address as it was told."""

    project: str
    port: int
    boot: str
    peer: str
    request: str

    def __str__(self) -> str:
        return f"{self.project} {self.port} {self.boot} {self.peer} {self.request}"

    def text(self, size: int) -> bytes:
        """Return a body that is no other request's: the proof, and ``size`` bytes made of it."""
        return f"{self}\n".encode() + hashlib.shake_128(str(self).encode()).digest(size)


def parse(words: str) -> Proof:
    """Return what ``str`` made. Raises ValueError."""
    project, port, boot, peer, request = words.split(" ")
    return Proof(project, int(port), boot, peer, request)
