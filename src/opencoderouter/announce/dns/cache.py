"""Answers that were given before, by the question's octets: sent again as they are."""

from __future__ import annotations

from opencoderouter.announce.dns.answer import Answer

_MOST = 4096  # answers
_QUESTION, _ANSWER = 512, 1232  # octets; what is longer is not kept
_ID = 2  # octets


class Cache:
    """Answers without their id; at most 7 MB. When it is full it is emptied."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Answer] = {}

    def __len__(self) -> int:
        """Return how many answers there are."""
        return len(self._kept)

    def find(self, packet: bytes) -> Answer | None:
        """Return the answer to the very same question, without the two octets of its id."""
        return self._kept.get(packet[_ID:])

    def keep(self, packet: bytes, answer: Answer) -> None:
        """Keep an answer, if it is ``lasting`` and not large."""
        if not answer.lasting or len(packet) > _QUESTION or len(answer.wire) > _ANSWER:
            return
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[packet[_ID:]] = Answer(answer.wire[_ID:], answer.kind, lasting=True)

    def clear(self) -> None:
        """Forget everything: there is a new zone."""
        self._kept.clear()
