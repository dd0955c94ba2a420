"""What an answer, or none, makes of a listener. Decisions only: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from opencoderouter.core.model import Backend, Identity, Sessions, Status
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.scan.census import Candidate

FOREIGN_PAUSE = 30.0  # what answered as something else seldom becomes OpenCode
FIRST_PAUSE = 0.05  # as between two hedged questions: it may answer any moment now
EAGER_PAUSE = 0.5  # at most, for a process that is known to be OpenCode

_LOCKED = "wants a password: set OPENCODE_SERVER_PASSWORD"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a candidate: its backend if it is one, and seconds till the next question.

    ``silences`` counts the questions it has left unanswered in a row. ``foreign``: it is something
    else, by what it said last.
    """

    backend: Backend | None = None
    pause: float = 0.0
    silences: int = 0
    foreign: bool = False

    @property
    def answered(self) -> Backend | None:
        """Return the backend if it has ever answered."""
        starting = self.backend is None or self.backend.status is Status.STARTING
        return None if starting else self.backend


def believed(candidate: Candidate, answer: Answer) -> Answer:
    """Return the answer, or Foreign where its process proves that it is not to be believed.

    Any program may answer as OpenCode does (a forward of another machine's server, say). One that
    is not OpenCode is believed only to serve its own working directory, where that is known.
    """
    if candidate.opencode:
        return answer
    match answer:
        case Locked() | Broken():
            return Foreign()
        case Healthy(identity) if candidate.cwd not in {None, identity.directory}:
            return Foreign()
    return answer


def learn(candidate: Candidate, state: State, answer: Answer, interval: float) -> State:
    """Return the state after an answer; ``interval`` is between checks of a known server."""
    match answer:
        case Healthy(identity):
            return _settled(candidate, state, identity, Status.READY, interval)
        case Locked():
            whose = _identity(candidate, state, "")
            return _settled(candidate, state, whose, Status.LOCKED, interval, _LOCKED)
        case Broken(version, reason):
            whose = _identity(candidate, state, version)
            return _settled(candidate, state, whose, Status.FAILED, interval, reason)
        case Foreign() if not (state.answered and candidate.same_socket):
            return State(pause=FOREIGN_PAUSE, foreign=True)
        case Foreign() | Silent():
            return _silent(candidate, state, interval)


def _identity(candidate: Candidate, state: State, version: str) -> Identity | None:
    """Return who a server is that does not tell its directory."""
    if state.answered:
        known = state.answered.identity
        return replace(known, version=version or known.version)
    return Identity(candidate.cwd, version) if candidate.cwd else None


def _settled(
    candidate: Candidate,
    state: State,
    identity: Identity | None,
    status: Status,
    interval: float,
    reason: str = "",
) -> State:
    if identity is None:
        return State(pause=interval)
    sessions: Sessions | None = state.backend.sessions if state.backend else None
    backend = Backend(candidate.listener, identity, status, reason, sessions)
    return State(backend, interval)


def _silent(candidate: Candidate, state: State, interval: float) -> State:
    known = state.answered
    if known is not None:  # its socket still listens: a slow answer never unroutes a server
        busy = known.status in {Status.READY, Status.BUSY}
        status = Status.BUSY if busy else known.status
        return State(replace(known, status=status), interval)
    longest = EAGER_PAUSE if candidate.opencode else interval
    pause = min(FIRST_PAUSE * 2 ** min(state.silences, 10), longest)
    return State(starting(candidate), pause, state.silences + 1)


def starting(candidate: Candidate) -> Backend | None:
    """Return the backend that an OpenCode process will be once it answers."""
    if not candidate.opencode or not candidate.cwd:
        return None
    return Backend(candidate.listener, Identity(candidate.cwd, ""), Status.STARTING)
