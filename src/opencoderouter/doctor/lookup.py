"""Names as programs of this machine look them up: ``getaddrinfo``, in bounded time."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Question:
    """A host name, and of which family its addresses should be."""

    host: str
    family: int = socket.AF_UNSPEC


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of a question.

    ``addresses`` are numeric, in the order in which programs try them, with the zone index where
    they need one. Without any, ``reason`` is in the resolver's words. ``late``: it said nothing in
    time. It took ``seconds``.
    """

    question: Question
    addresses: tuple[str, ...] = ()
    reason: str = ""
    late: bool = False
    seconds: float = 0.0


def look_up(question: Question, within: float) -> Looked:
    """Return the answer to one question, after ``within`` seconds at the latest."""
    return look_up_all((question,), within)[0]


def look_up_all(questions: Sequence[Question], within: float) -> list[Looked]:
    """Return the answers to questions that are asked at the same time, in their order.

    No resolver can be told to stop: threads that are still waiting after ``within`` seconds are
    left behind, and do not keep the program from ending.
    """
    answers: queue.SimpleQueue[tuple[int, Looked]] = queue.SimpleQueue()
    began = time.monotonic()

    def ask(number: int, question: Question) -> None:
        found = _resolve(question)
        answers.put((number, replace(found, seconds=time.monotonic() - began)))

    for number, question in enumerate(questions):
        threading.Thread(target=ask, args=(number, question), daemon=True).start()
    known = dict[int, Looked]()
    while len(known) < len(questions):
        try:
            number, found = answers.get(timeout=max(began + within - time.monotonic(), 0.0))
        except queue.Empty:
            break
        known[number] = found
    return [known.get(n) or _late(one, within) for n, one in enumerate(questions)]


def _late(question: Question, within: float) -> Looked:
    return Looked(question, reason=f"no answer in {within:.1f} s", late=True, seconds=within)


def _resolve(question: Question) -> Looked:
    try:
        found = socket.getaddrinfo(question.host, 0, question.family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Looked(question, reason=error.strerror or "")
    except (OSError, UnicodeError) as error:  # a name that is none
        return Looked(question, reason=str(error))
    return Looked(question, tuple(dict.fromkeys(_numeric(address) for *_, address in found)))


def _numeric(address: Sequence[object]) -> str:
    """Return an address as text; Python leaves the zone of link-local ones in it."""
    return str(address[0])
