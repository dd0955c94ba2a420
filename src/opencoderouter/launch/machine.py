"""The life of one managed project as a pure state machine.

Every transition is in ``_TRANSITIONS``; what is not there is illegal. An illegal event raises, and
since states are values, nothing has changed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. ``backoff`` is the pause after the first, second, … failure in a row."""

    start_timeout: float = 60.0  # OpenCode needs 1 to 7
    backoff: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
    stable_after: float = 60.0  # ready for so long, and earlier failures are forgotten
    dispose: float = 5.0  # 2 with a stubborn MCP server
    grace: float = 3.0  # OpenCode ends within 0.1 of SIGTERM, plugins may take longer


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing runs, and nothing should."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """To be started when its turn comes; ``failures`` in a row so far."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Starting:
    """The process runs and has not answered yet; it may take ``until`` then."""

    until: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """The server has answered, first at ``since``."""

    since: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class BackingOff:
    """It ended by itself; the next try is at ``until``."""

    until: float
    failures: int


class Phase(Enum):
    """How far a stop has come. Each phase ends early, or else by time."""

    DISPOSE = auto()  # asked to end its sessions' work
    TERM = auto()
    KILL = auto()
    SWEEP = auto()  # the server is gone, its tools are being killed


class Then(Enum):
    """What follows when server and tools are gone."""

    STAY = auto()
    START = auto()
    RETRY = auto()


@dataclass(frozen=True, slots=True)
class Stopping:
    """On its way out; ``phase`` may take ``until`` then."""

    phase: Phase
    until: float
    then: Then
    failures: int = 0


State = Stopped | Waiting | Starting | Ready | BackingOff | Stopping


class Event(Enum):
    """What happens to a project."""

    START_ASKED = auto()
    STOP_ASKED = auto()
    TURN_GIVEN = auto()  # few enough others are starting
    ANSWERED = auto()
    NOT_SPAWNED = auto()  # there is no process, and there was none
    EXITED = auto()
    DISPOSED = auto()  # the server has ended its sessions' work, or could not be asked to
    SWEPT = auto()  # no tool of the server is left
    TICK = auto()


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process; ``EXITED`` or ``NOT_SPAWNED`` follows at some time."""


@dataclass(frozen=True, slots=True)
class Dispose:
    """Ask the server to end its sessions' work; ``DISPOSED`` follows."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Send ``number`` to the process group."""

    number: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Kill what the server has left behind; ``SWEPT`` follows."""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a ``TICK`` at this time, and none for an earlier ``WakeAt``."""

    time: float


Command = Spawn | Dispose | Signal | Sweep | WakeAt
Step = tuple[State, tuple[Command, ...]]


class IllegalEventError(Exception):
    """The event cannot happen in this state: the caller has lost track of the process."""


def step(state: State, event: Event, now: float, policy: Policy) -> Step:
    """Return the next state and what to do about it, in this order. ``now`` is in seconds."""
    transition = _TRANSITIONS.get((type(state), event))
    if transition is None:
        raise IllegalEventError(f"{event!r} in {state!r}")
    return transition(state, now, policy)


def _stay(state: State, _now: float, _policy: Policy) -> Step:
    return state, ()


def _queue(_state: State, _now: float, _policy: Policy) -> Step:
    return Waiting(), ()


def _stop(_state: State, _now: float, _policy: Policy) -> Step:
    return Stopped(), ()


def _spawn(state: Waiting, now: float, policy: Policy) -> Step:
    until = now + policy.start_timeout
    return Starting(until, state.failures), (Spawn(), WakeAt(until))


def _ready(state: Starting, now: float, _policy: Policy) -> Step:
    return Ready(now, state.failures), ()


def _not_spawned(state: Starting, now: float, policy: Policy) -> Step:
    return _back_off(state.failures + 1, now, policy)


def _died_early(state: Starting, now: float, policy: Policy) -> Step:
    return _enter(Stopping(Phase.SWEEP, now, Then.RETRY, state.failures + 1), now, policy)


def _died(state: Ready, now: float, policy: Policy) -> Step:
    failures = 0 if now - state.since >= policy.stable_after else state.failures
    return _enter(Stopping(Phase.SWEEP, now, Then.RETRY, failures + 1), now, policy)


def _too_slow(state: Starting, now: float, policy: Policy) -> Step:
    if now < state.until:
        return state, (WakeAt(state.until),)
    return _enter(Stopping(Phase.TERM, now, Then.RETRY, state.failures + 1), now, policy)


def _terminate(_state: Starting, now: float, policy: Policy) -> Step:
    return _enter(Stopping(Phase.TERM, now, Then.STAY), now, policy)


def _dispose(_state: Ready, now: float, policy: Policy) -> Step:
    return _enter(Stopping(Phase.DISPOSE, now, Then.STAY), now, policy)


def _retry(state: BackingOff, now: float, _policy: Policy) -> Step:
    if now < state.until:
        return state, (WakeAt(state.until),)
    return Waiting(state.failures), ()


def _start_after(state: Stopping, _now: float, _policy: Policy) -> Step:
    return replace(state, then=Then.START), ()


def _stay_after(state: Stopping, _now: float, _policy: Policy) -> Step:
    return replace(state, then=Then.STAY), ()


def _disposed(state: Stopping, now: float, policy: Policy) -> Step:
    if state.phase is not Phase.DISPOSE:  # it took too long
        return state, ()
    return _enter(replace(state, phase=Phase.TERM), now, policy)


def _gone(state: Stopping, now: float, policy: Policy) -> Step:
    if state.phase is Phase.SWEEP:  # SIGKILL took too long
        return state, ()
    return _enter(replace(state, phase=Phase.SWEEP), now, policy)


def _swept(state: Stopping, now: float, policy: Policy) -> Step:
    if state.phase is not Phase.SWEEP:
        raise IllegalEventError(f"swept in {state!r}")
    return _finish(state, now, policy)


def _overdue(state: Stopping, now: float, policy: Policy) -> Step:
    if now < state.until:
        return state, (WakeAt(state.until),)
    following = _FOLLOWING.get(state.phase)
    if following is None:
        return _finish(state, now, policy)
    return _enter(replace(state, phase=following), now, policy)


def _enter(state: Stopping, now: float, policy: Policy) -> Step:
    """Begin the phase that ``state`` names."""
    until = now + (policy.dispose if state.phase is Phase.DISPOSE else policy.grace)
    return replace(state, until=until), (_DOING[state.phase], WakeAt(until))


def _finish(state: Stopping, now: float, policy: Policy) -> Step:
    match state.then:
        case Then.STAY:
            return Stopped(), ()
        case Then.START:
            return Waiting(), ()
        case Then.RETRY:
            return _back_off(state.failures, now, policy)


def _back_off(failures: int, now: float, policy: Policy) -> Step:
    until = now + policy.backoff[min(failures, len(policy.backoff)) - 1]
    return BackingOff(until, failures), (WakeAt(until),)


_DOING: Mapping[Phase, Command] = {
    Phase.DISPOSE: Dispose(),
    Phase.TERM: Signal(signal.SIGTERM),
    Phase.KILL: Signal(signal.SIGKILL),
    Phase.SWEEP: Sweep(),
}
_FOLLOWING = {Phase.DISPOSE: Phase.TERM, Phase.TERM: Phase.KILL, Phase.KILL: Phase.SWEEP}

_TRANSITIONS: Mapping[tuple[type, Event], Callable[[Any, float, Policy], Step]] = {
    (Stopped, Event.START_ASKED): _queue,
    (Stopped, Event.STOP_ASKED): _stay,
    (Stopped, Event.TICK): _stay,
    (Waiting, Event.START_ASKED): _stay,
    (Waiting, Event.STOP_ASKED): _stop,
    (Waiting, Event.TURN_GIVEN): _spawn,
    (Waiting, Event.TICK): _stay,
    (Starting, Event.START_ASKED): _stay,
    (Starting, Event.STOP_ASKED): _terminate,
    (Starting, Event.ANSWERED): _ready,
    (Starting, Event.NOT_SPAWNED): _not_spawned,
    (Starting, Event.EXITED): _died_early,
    (Starting, Event.TICK): _too_slow,
    (Ready, Event.START_ASKED): _stay,
    (Ready, Event.STOP_ASKED): _dispose,
    (Ready, Event.EXITED): _died,
    (Ready, Event.TICK): _stay,
    (BackingOff, Event.START_ASKED): _queue,
    (BackingOff, Event.STOP_ASKED): _stop,
    (BackingOff, Event.TICK): _retry,
    (Stopping, Event.START_ASKED): _start_after,
    (Stopping, Event.STOP_ASKED): _stay_after,
    (Stopping, Event.DISPOSED): _disposed,
    (Stopping, Event.NOT_SPAWNED): _finish,
    (Stopping, Event.EXITED): _gone,
    (Stopping, Event.SWEPT): _swept,
    (Stopping, Event.TICK): _overdue,
}
