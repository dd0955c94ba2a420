"""Answers: what each makes of a listener, by what is known of it already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Backend, Identity, Kind, Listener, Sessions, Status
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.scan.census import Candidate
from opencoderouter.scan.learn import FOREIGN_PAUSE, State, believed, learn

INTERVAL = 5.0
SOCKET = Listener("127.0.0.1", 30000, 1000, 77, 4242, Kind.SERVE)
OPENCODE = Candidate(SOCKET, "/proc/cwd")
OTHER = Candidate(Listener("127.0.0.1", 30000, 1000, 77, 4242), "/proc/cwd")
UNKNOWN = Candidate(Listener("127.0.0.1", 30000))
APP = Identity("/srv/app", "1.18.33")
CWD = Identity("/proc/cwd", "")
SESSIONS = Sessions(3, 1)
NEW = State()

READY, BUSY, LOCKED = Status.READY, Status.BUSY, Status.LOCKED
STARTING, FAILED = Status.STARTING, Status.FAILED


def was(
    status: Status, identity: Identity = APP, reason: str = "", who: Candidate = OPENCODE
) -> State:
    """Return the state of a backend that was so."""
    sessions = None if status is STARTING else SESSIONS
    return State(Backend(who.listener, identity, status, reason, sessions), INTERVAL)


Expected = tuple[Status, Identity, str] | None


@pytest.mark.parametrize(
    ("candidate", "state", "answer", "expected"),
    [
        # new
        (OPENCODE, NEW, Healthy(APP), (READY, APP, "")),
        (UNKNOWN, NEW, Healthy(APP), (READY, APP, "")),
        (OTHER, NEW, Broken("1", "why"), (FAILED, Identity("/proc/cwd", "1"), "why")),
        (UNKNOWN, NEW, Broken("1", "why"), None),
        (UNKNOWN, NEW, Locked(), None),
        (OPENCODE, NEW, Silent(), (STARTING, CWD, "")),
        (OTHER, NEW, Silent(), None),
        (Candidate(SOCKET), NEW, Silent(), None),
        (OPENCODE, NEW, Foreign(), None),
        # starting
        (OPENCODE, was(STARTING, CWD), Healthy(APP), (READY, APP, "")),
        (OPENCODE, was(STARTING, CWD), Silent(), (STARTING, CWD, "")),
        (OPENCODE, was(STARTING, CWD), Foreign(), None),
        # answered before
        (OPENCODE, was(READY), Healthy(APP), (READY, APP, "")),
        (OPENCODE, was(READY), Silent(), (BUSY, APP, "")),
        (OPENCODE, was(BUSY), Silent(), (BUSY, APP, "")),
        (OPENCODE, was(BUSY), Healthy(APP), (READY, APP, "")),
        (OPENCODE, was(READY), Foreign(), (BUSY, APP, "")),
        (OPENCODE, was(LOCKED, CWD, "lock"), Silent(), (LOCKED, CWD, "lock")),
        (OPENCODE, was(LOCKED, CWD, "lock"), Healthy(APP), (READY, APP, "")),
        (OPENCODE, was(FAILED, CWD, "why"), Silent(), (FAILED, CWD, "why")),
        (
            OPENCODE,
            was(FAILED, CWD, "why"),
            Broken("2", "y"),
            (FAILED, Identity("/proc/cwd", "2"), "y"),
        ),
        (OPENCODE, was(FAILED, CWD, "why"), Healthy(APP), (READY, APP, "")),
        # without an inode another server may have the port by now
        (UNKNOWN, was(READY, who=UNKNOWN), Foreign(), None),
        (UNKNOWN, was(READY, who=UNKNOWN), Silent(), (BUSY, APP, "")),
    ],
)
def test_learn(candidate: Candidate, state: State, answer: Answer, expected: Expected) -> None:
    """Who has answered stays, whatever happens to it; who has not is at most starting."""
    backend = learn(candidate, state, answer, INTERVAL).backend
    if expected is None:
        assert backend is None
    else:
        assert backend is not None
        assert (backend.status, backend.identity, backend.reason) == expected
        assert backend.listener == candidate.listener
        assert backend.sessions == (state.answered.sessions if state.answered else None)


@pytest.mark.parametrize("answer", [Healthy(APP), Locked(), Broken("1", "why")])
def test_believed(answer: Answer) -> None:
    """OpenCode is believed; another program only that it serves its own directory."""
    assert believed(OPENCODE, answer) == answer
    assert believed(OTHER, answer) == Foreign()
    assert believed(OTHER, Healthy(CWD)) == Healthy(CWD)
    assert believed(UNKNOWN, answer) == (answer if isinstance(answer, Healthy) else Foreign())
    assert believed(OTHER, Silent()) == Silent()


def test_locked() -> None:
    """A locked server is known by its process's directory, and says what unlocks it."""
    backend = learn(OPENCODE, NEW, Locked(), INTERVAL).backend
    assert backend is not None
    assert (backend.status, backend.identity) == (LOCKED, CWD)
    assert "OPENCODE_SERVER_PASSWORD" in backend.reason
    locked = learn(OPENCODE, was(READY), Locked(), INTERVAL).backend
    assert locked is not None
    assert locked.identity == APP


def pauses(candidate: Candidate, answer: Answer, times: int) -> list[float]:
    """Return how long is waited after each of so many answers of a kind."""
    state, found = NEW, []
    for _ in range(times):
        state = learn(candidate, state, answer, INTERVAL)
        found.append(state.pause)
    return found


def test_pauses() -> None:
    """OpenCode is asked again soon, others less and less, and what is something else seldom."""
    assert pauses(OPENCODE, Silent(), 6) == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]
    assert pauses(OTHER, Silent(), 8)[3:] == [0.4, 0.8, 1.6, 3.2, INTERVAL]
    assert pauses(OTHER, Silent(), 3000)[-1] == INTERVAL
    assert pauses(OPENCODE, Foreign(), 2) == [FOREIGN_PAUSE] * 2
    for answer in (Healthy(APP), Locked(), Broken("", "")):
        assert pauses(OPENCODE, answer, 2) == [INTERVAL] * 2
        assert pauses(UNKNOWN, answer, 2) == [INTERVAL] * 2
    assert learn(OPENCODE, was(READY), Silent(), INTERVAL).pause == INTERVAL


def test_silence_is_counted_in_a_row() -> None:
    """An answer begins the count anew."""
    state = learn(OTHER, State(silences=5), Foreign(), INTERVAL)
    assert learn(OTHER, state, Silent(), INTERVAL).pause == 0.05


ANSWERS = st.sampled_from([Healthy(APP), Locked(), Broken("1", "why"), Foreign(), Silent()])


@given(st.sampled_from([OPENCODE, OTHER, UNKNOWN]), st.lists(ANSWERS))
def test_any_history(candidate: Candidate, answers: list[Answer]) -> None:
    """Ready means that it has just answered; starting that it never has; pauses are bounded."""
    state = NEW
    for answer in answers:
        before, state = state, learn(candidate, state, answer, INTERVAL)
        assert 0 < state.pause <= FOREIGN_PAUSE
        if state.backend is not None:
            assert (state.backend.status is READY) == isinstance(answer, Healthy)
            assert state.backend.status is not STARTING or before.answered is None
