"""What a connection is busy with."""

from __future__ import annotations

from typing import Protocol


class Role(Protocol):
    """What a connection is busy with. ``sent`` is how many octets it has written.

    ``wants``: what the client sends now is part of it.
    """

    sent: int
    wants: bool

    def from_client(self, data: bytes) -> bytes:
        """Take in what is part of it; return the rest."""

    def client_full(self) -> None:
        """Hear that the client does not keep up."""

    def client_free(self) -> None:
        """Hear that the client takes more again."""

    def client_finished(self) -> None:
        """Hear that the client says no more. It may still be waiting for an answer."""

    def client_lost(self) -> None:
        """Hear that the client is gone."""

    def end(self) -> None:
        """End what would not end by itself."""
