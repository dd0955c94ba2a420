"""The life of a managed project, as conversations and as properties."""

from __future__ import annotations

import signal
from typing import get_args

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opencoderouter.launch.machine import (
    BackingOff,
    Dispose,
    Event,
    IllegalEventError,
    Phase,
    Policy,
    Ready,
    Signal,
    Spawn,
    Starting,
    State,
    Step,
    Stopped,
    Stopping,
    Sweep,
    Then,
    Waiting,
    WakeAt,
    step,
)

POLICY = Policy(start_timeout=60, backoff=(1, 2, 4, 8, 16, 30), stable_after=60, dispose=5, grace=3)
TERM, KILL = Signal(signal.SIGTERM), Signal(signal.SIGKILL)
STATES: tuple[State, ...] = (
    Stopped(),
    Waiting(),
    Starting(60),
    Ready(0),
    BackingOff(1, 1),
    *(Stopping(phase, 3, then) for phase in Phase for then in Then),
)


def told(state: State, *events: tuple[float, Event]) -> list[Step]:
    """Return every step that these events lead to, one after the other."""
    steps = []
    for now, event in events:
        state, commands = step(state, event, now, POLICY)
        steps.append((state, commands))
    return steps


def test_start() -> None:
    """A project waits for its turn, starts, and is ready once it has answered."""
    events = ((0.0, Event.START_ASKED), (1.0, Event.TURN_GIVEN), (2.5, Event.ANSWERED))
    assert told(Stopped(), *events) == [
        (Waiting(), ()),
        (Starting(61.0), (Spawn(), WakeAt(61.0))),
        (Ready(2.5), ()),
    ]


def test_stop() -> None:
    """A stop disposes, terminates, sweeps; each phase as soon as the one before is over."""
    events = (
        (10.0, Event.STOP_ASKED),
        (10.5, Event.DISPOSED),
        (11.0, Event.EXITED),
        (11.1, Event.SWEPT),
    )
    assert told(Ready(0), *events) == [
        (Stopping(Phase.DISPOSE, 15.0, Then.STAY), (Dispose(), WakeAt(15.0))),
        (Stopping(Phase.TERM, 13.5, Then.STAY), (TERM, WakeAt(13.5))),
        (Stopping(Phase.SWEEP, 14.0, Then.STAY), (Sweep(), WakeAt(14.0))),
        (Stopped(), ()),
    ]


def test_stop_of_one_that_will_not() -> None:
    """No phase of a stop takes longer than its time, whatever the server does."""
    events = ((0.0, Event.STOP_ASKED), *((time, Event.TICK) for time in (5.0, 8.0, 11.0, 14.0)))
    assert [commands for _, commands in told(Ready(0), *events)] == [
        (Dispose(), WakeAt(5.0)),
        (TERM, WakeAt(8.0)),
        (KILL, WakeAt(11.0)),
        (Sweep(), WakeAt(14.0)),
        (),
    ]


def test_stop_before_the_first_answer() -> None:
    """Who has not answered is not asked to dispose; it is terminated."""
    state, commands = step(Starting(60), Event.STOP_ASKED, 1, POLICY)
    assert (state, commands) == (Stopping(Phase.TERM, 4, Then.STAY), (TERM, WakeAt(4)))


@pytest.mark.parametrize("state", [Waiting(2), BackingOff(9, 2)])
def test_stop_without_a_process(state: State) -> None:
    """Where nothing runs, a stop has nothing to do."""
    assert step(state, Event.STOP_ASKED, 1, POLICY) == (Stopped(), ())


def test_crashes_back_off() -> None:
    """Each crash in a row is followed by a longer pause, 30 s at most; tools are swept before."""
    state, now, pauses = step(Stopped(), Event.START_ASKED, 0, POLICY)[0], 0.0, []
    for _ in range(8):
        crash = [(now, event) for event in (Event.TURN_GIVEN, Event.EXITED, Event.SWEPT)]
        steps = told(state, *crash)
        done = [type(command) for _, commands in steps for command in commands]
        assert done == [Spawn, WakeAt, Sweep, WakeAt, WakeAt]
        state = steps[-1][0]
        assert isinstance(state, BackingOff)
        pauses.append(state.until - now)
        now = state.until
        state, _ = step(state, Event.TICK, now, POLICY)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(("lived", "failures"), [(59.0, 5), (60.0, 1)])
def test_a_stable_minute_forgets_failures(lived: float, failures: int) -> None:
    """Failures are counted anew after a minute of being ready, not before."""
    state, _ = step(Ready(100, failures=4), Event.EXITED, 100 + lived, POLICY)
    assert state == Stopping(Phase.SWEEP, 103 + lived, Then.RETRY, failures)


def test_no_process() -> None:
    """What could not be started is tried again, with nothing to sweep."""
    state, commands = step(Starting(60, failures=1), Event.NOT_SPAWNED, 5, POLICY)
    assert (state, commands) == (BackingOff(7, 2), (WakeAt(7),))


def test_start_takes_too_long() -> None:
    """A server that does not answer in time is ended, then tried again."""
    events = ((60.0, Event.TICK), (60.2, Event.EXITED), (60.3, Event.SWEPT))
    steps = told(Starting(60), *events)
    assert steps[0] == (Stopping(Phase.TERM, 63.0, Then.RETRY, 1), (TERM, WakeAt(63.0)))
    assert steps[-1] == (BackingOff(61.3, 1), (WakeAt(61.3),))


@pytest.mark.parametrize(
    "state", [Starting(60), BackingOff(60, 1), *(Stopping(p, 60, Then.STAY) for p in Phase)]
)
def test_early_tick(state: State) -> None:
    """A tick before its time changes nothing and asks to be woken again."""
    assert step(state, Event.TICK, 59.9, POLICY) == (state, (WakeAt(60),))


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ([Event.START_ASKED], Waiting()),
        ([Event.START_ASKED, Event.STOP_ASKED], Stopped()),
        ([Event.STOP_ASKED], Stopped()),
    ],
)
def test_the_last_wish_counts(asked: list[Event], end: State) -> None:
    """Wishes during a stop are remembered, the last one is granted."""
    wishes = [(1.0, event) for event in asked]
    gone = ((2.0, Event.EXITED), (3.0, Event.SWEPT))
    assert told(Stopping(Phase.TERM, 4, Then.STAY), *wishes, *gone)[-1][0] == end


def test_start_while_backing_off() -> None:
    """A start on request does not wait for the end of the pause, and counts anew."""
    assert step(BackingOff(30, 6), Event.START_ASKED, 1, POLICY) == (Waiting(), ())


def test_late_news_in_a_stop() -> None:
    """What comes after its phase is over is no surprise."""
    term, sweep = (Stopping(phase, 3, Then.STAY) for phase in (Phase.TERM, Phase.SWEEP))
    assert step(term, Event.DISPOSED, 1, POLICY) == (term, ())
    assert step(sweep, Event.EXITED, 1, POLICY) == (sweep, ())
    assert step(term, Event.NOT_SPAWNED, 1, POLICY) == (Stopped(), ())


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (Stopped(), Event.TURN_GIVEN),
        (Stopped(), Event.EXITED),
        (Waiting(), Event.ANSWERED),
        (Waiting(), Event.EXITED),
        (Starting(60), Event.TURN_GIVEN),
        (Ready(0), Event.ANSWERED),
        (Ready(0), Event.SWEPT),
        (BackingOff(1, 1), Event.EXITED),
        (Stopping(Phase.TERM, 3, Then.STAY), Event.SWEPT),
        (Stopping(Phase.SWEEP, 3, Then.STAY), Event.ANSWERED),
    ],
)
def test_illegal(state: State, event: Event) -> None:
    """An event that cannot happen raises, and says what and where."""
    with pytest.raises(IllegalEventError, match=type(state).__name__):
        step(state, event, 1, POLICY)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", [Event.START_ASKED, Event.STOP_ASKED, Event.TICK])
def test_always_legal(state: State, event: Event) -> None:
    """People may ask at any time, and time may pass in any state."""
    assert isinstance(step(state, event, 1e9, POLICY)[0], get_args(State))


class World(RuleBasedStateMachine):
    """Everything that can happen to a project, in any order, with the process kept by the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State = Stopped()
        self.now = 0.0
        self.wanted = self.process = self.sweeping = False
        self.wake: float | None = None

    def tell(self, event: Event) -> None:
        """Pass the event on and do as the machine says."""
        self.state, commands = step(self.state, event, self.now, POLICY)
        for command in commands:
            match command:
                case Spawn():
                    assert self.wanted
                    assert not self.process
                    self.process = True
                case Signal() | Dispose():
                    assert self.process
                case Sweep():
                    self.sweeping = True
                case WakeAt(time):
                    self.wake = time

    @rule()
    def start(self) -> None:
        """Ask for the server."""
        self.wanted = True
        self.tell(Event.START_ASKED)

    @rule()
    def stop(self) -> None:
        """Ask for its end."""
        self.wanted = False
        self.tell(Event.STOP_ASKED)

    @precondition(lambda self: isinstance(self.state, Waiting))
    @rule()
    def turn(self) -> None:
        """Give the turn."""
        self.tell(Event.TURN_GIVEN)

    @precondition(lambda self: isinstance(self.state, Starting))
    @rule(event=st.sampled_from([Event.ANSWERED, Event.NOT_SPAWNED]))
    def started(self, event: Event) -> None:
        """Let the start go well, or not."""
        self.process = event is Event.ANSWERED
        self.tell(event)

    @precondition(lambda self: self.process)
    @rule()
    def end(self) -> None:
        """Let the process end."""
        self.process = False
        self.tell(Event.EXITED)

    @precondition(lambda self: self.sweeping and self.is_at(Phase.SWEEP))
    @rule()
    def swept(self) -> None:
        """Let the sweep end."""
        self.sweeping = False
        self.tell(Event.SWEPT)

    @precondition(lambda self: isinstance(self.state, Stopping))
    @rule()
    def disposed(self) -> None:
        """Let the server have disposed."""
        self.tell(Event.DISPOSED)

    @rule(seconds=st.floats(0, 100))
    def tick(self, seconds: float) -> None:
        """Let time pass; a process that SIGKILL was sent to is gone by then."""
        self.now += seconds
        if self.is_at(Phase.KILL):
            self.end()
        self.tell(Event.TICK)

    def is_at(self, phase: Phase) -> bool:
        """Tell how far a stop has come."""
        return isinstance(self.state, Stopping) and self.state.phase is phase

    @invariant()
    def never_stuck(self) -> None:
        """Each state that only time ends has asked to be woken for its end."""
        if isinstance(self.state, Starting | BackingOff | Stopping):
            assert self.wake is not None
            assert self.wake <= max(self.now, self.state.until)

    @invariant()
    def no_process_unseen(self) -> None:
        """Where the machine knows of no process, there is none."""
        if isinstance(self.state, Stopped | Waiting | BackingOff):
            assert not self.process


TestWorld = World.TestCase
