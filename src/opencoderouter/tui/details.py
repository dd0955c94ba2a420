"""What is read of a session when the selection rests on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.screen import Screen
from textual.timer import Timer

from opencoderouter.core.fleet.control import Control, Detail, Failed
from opencoderouter.core.fleet.model import Session, SessionRef

_REST = 0.25  # seconds after which a selection rests
_AGAIN = 30.0  # seconds after which what could not be read is tried again
_KEPT = 64


class Details:
    """Keeps what was read. ``changed`` is called when there is something new of what is wanted."""

    def __init__(
        self, screen: Screen[None], changed: Callable[[], None], again: float = _AGAIN
    ) -> None:
        self._screen = screen
        self._changed = changed
        self._again = again
        self._read: dict[SessionRef, tuple[float | None, Detail | Failed]] = {}
        self._wanted: tuple[SessionRef | None, float | None] = (None, None)
        self._timer: Timer | None = None

    def of(self, ref: SessionRef) -> Detail | Failed | None:
        """Return what was read last, if anything was."""
        return self._read.get(ref, (None, None))[1]

    def want(self, control: Control, ref: SessionRef | None, session: Session | None) -> None:
        """Read a session soon, unless something else is wanted before, or nothing has happened."""
        updated = session.updated if session is not None else None
        if self._wanted == (ref, updated):
            return  # a fleet that changes all the time must not put it off for ever
        self._wanted = (ref, updated)
        if ref is None or self._is_read(ref, updated):
            self._stop()
        else:
            self._later(_REST, control, ref, updated)

    def retry(self, control: Control) -> None:
        """Read at once what is wanted, if it could not be read."""
        ref, updated = self._wanted
        if ref is not None and isinstance(self.of(ref), Failed):
            self._stop()
            self._begin(control, ref, updated)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    def _later(
        self, seconds: float, control: Control, ref: SessionRef, updated: float | None
    ) -> None:
        self._stop()
        read = partial(self._begin, control, ref, updated)
        self._timer = self._screen.set_timer(seconds, read)

    def _is_read(self, ref: SessionRef, updated: float | None) -> bool:
        at, detail = self._read.get(ref, (None, None))
        return isinstance(detail, Detail) and at == updated

    def _begin(self, control: Control, ref: SessionRef, updated: float | None) -> None:
        work = self._load(control, ref, updated)
        self._screen.run_worker(work, group="detail", exclusive=True)

    async def _load(self, control: Control, ref: SessionRef, updated: float | None) -> None:
        detail = await control.detail(ref)
        self._read[ref] = (updated, detail)
        while len(self._read) > _KEPT:
            del self._read[next(iter(self._read))]
        if ref == self._wanted[0]:
            self._changed()
        if self._wanted == (ref, updated) and isinstance(detail, Failed):
            self._later(self._again, control, ref, updated)
