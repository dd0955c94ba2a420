"""A client of a router that is about to ask one thing, and what proves the answer right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.rig.ledger import Ledger
from tests.rig.line import Head, Line, Wrong
from tests.rig.proof import FIELD, Proof, parse

_DOWN = {502, 503, 404}
_WORDS = {"project_down", "unknown_project", "no_answer"}


class Down(Exception):  # noqa: N818 - an answer, not an error of the program
    """The router says that a project has no server."""


@dataclass(frozen=True, slots=True)
class Way:
    """A project's name, and whether it is asked for by its host or by a path."""

    project: str
    port: int
    by_host: bool

    def head(self, method: str, target: str, *fields: str) -> bytes:
        """Return a request head."""
        prefix = "" if self.by_host else f"/{self.project}"
        host = f"{self.project}.localhost" if self.by_host else "localhost"
        lines = (f"{method} {prefix}{target} HTTP/1.1", f"Host: {host}:{self.port}", *fields)
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(slots=True)
class Guest:
    """A client on a connection, about to ask one thing; ``began`` is monotonic.

    ``others`` are ways that a mix of requests may take, too; ``asked`` are all that it did take.
    """

    line: Line
    way: Way
    others: Sequence[Way]
    ledger: Ledger
    random: Random
    request: str
    began: float
    asked: Sequence[Way] = ()

    def excused(self) -> bool:
        """Tell whether an error is to be expected: a project asked for was down."""
        projects = [way.project for way in self.asked or (self.way,)]
        return self.ledger.excuses(projects, self.began)

    def ask(self, method: str, path: str, *fields: str, size: int | None = None) -> bytes:
        """Return the head of a request that its answer has to prove."""
        query = f"?request={self.request}" + ("" if size is None else f"&size={size}")
        return self.way.head(method, f"/proof/{path}{query}", f"X-Request: {self.request}", *fields)

    def check(self, head: Head, body: bytes | None = None) -> Proof:
        """Return the proof of an answer. Raises ``Wrong`` or ``Down``."""
        if head.status in _DOWN and FIELD.lower() not in head.fields:
            raise Down(_told(head, body))
        try:
            proof = parse(head.fields.get(FIELD.lower(), ""))
        except ValueError:
            raise Wrong(self.way, self.request, head, (body or b"")[:200]) from None
        if not self.ledger.belongs(proof, self.way.project, self.line.peer, self.request):
            raise Wrong(self.way, self.request, self.line.peer, head)
        return proof

    def same(self, found: bytes, expected: bytes, head: Head) -> None:
        """Raise ``Wrong`` unless a body is what it has to be."""
        if found != expected:
            at = next(
                (i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), -1
            )
            raise Wrong(self.way, self.request, head, len(found), len(expected), at)


def _told(head: Head, body: bytes | None) -> str:
    """Return the status of a refusal that is the router's own. Raises ``Wrong``."""
    if body == b"" and head.fields.get("content-type") == "application/json":
        return f"{head.status}"  # to HEAD
    try:
        word = json.loads(body or b"")["error"]
    except (ValueError, KeyError, TypeError):
        raise Wrong(head, (body or b"")[:200]) from None
    if word not in _WORDS:
        raise Wrong(head, body)
    return f"{head.status} {word}"
