"""When a host is asked again. Times are seconds since the epoch, durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.preferences import Polling

LONGEST = 600.0  # between two questions to a host that is not reached
# What a person has to mend. Each question is a refused login there: at the pace of the others it
# would be the sixth within ten minutes, at which fail2ban and the like lock a whole address out.
_BY_A_PERSON = {
    HostState.AUTH_REQUIRED,
    HostState.HOST_KEY_UNKNOWN,
    HostState.HOST_KEY_CHANGED,
}
_PATIENT = 4.0
_MOST_DOUBLED = 16  # keeps the number finite


def pause(state: HostState, failures: int, interval: float) -> float:
    """Return how long after a question the next one is asked.

    ``failures`` is how often in a row the host was not reached, ``state`` what it was at last.
    """
    if not failures:
        return interval
    first = interval * (_PATIENT if state in _BY_A_PERSON else 1.0)
    doubled: float = first * 2.0 ** min(failures - 1, _MOST_DOUBLED)
    return min(doubled, max(LONGEST, interval))


def next_at(asked: float, state: HostState, failures: int, polling: Polling, draw: float) -> float:
    """Return when a host is asked again that was asked at ``asked``.

    ``draw``, from 0 to 1, is the same for a whole sweep: its hosts stay together, while several
    programs that ask the same hosts do not.
    """
    return asked + pause(state, failures, polling.interval) + polling.jitter * draw


def due(times: Mapping[str, float | None], now: float, polling: Polling) -> tuple[str, ...]:
    """Return who is asked in a sweep of now, by alias: nobody, as long as nobody's time has come.

    Whose time comes before half an interval is over is asked with the others. None was never asked.
    """
    ahead = {alias: _ahead(at, now, polling) for alias, at in times.items()}
    if min(ahead.values(), default=1.0) > 0:
        return ()
    return tuple(alias for alias, seconds in ahead.items() if seconds <= polling.interval / 2)


def next_sweep(times: Iterable[float | None], now: float) -> float | None:
    """Return when the next sweep is, of the times of its hosts; None without hosts."""
    return min((now if at is None else at for at in times), default=None)


def _ahead(at: float | None, now: float, polling: Polling) -> float:
    """Return the seconds until ``at``; one that nobody can have set is of a clock set back."""
    furthest = max(LONGEST, polling.interval) + polling.jitter
    return 0.0 if at is None or at - now > furthest else at - now
