"""What all deeds need: the target looked at again, one deed at a time for each, and a last word."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol, TypeVar, cast

from textual.screen import Screen

from opencoderouter.core.fleet.control import Control, Done, Failed, Outcome
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Session, SessionRef, Target
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.core.fleet.refs import Place
from opencoderouter.core.printable import printable
from opencoderouter.tui.keymap import key_name
from opencoderouter.tui.modals.dialog import Dialog
from opencoderouter.tui.themes import Setting
from opencoderouter.watch import Watch

T = TypeVar("T")
log = logging.getLogger(__name__)


class Program(Protocol):
    """What the program has for its screens."""

    control: Control
    fleet: Watch[Fleet]
    preferences: Watch[Preferences]
    setting: Setting
    clock: Callable[[], float]


class Desk(Screen[None]):
    """A screen with a selected row, and what can be done to it.

    ``Main`` has the rows: ``target``, ``marked``, ``unmark``, ``reveal``.
    """

    failure: Failed | None = None  # the last one, for its details
    opening = False  # a dialog that is not there yet
    _busy: set[object]

    @property
    def target(self) -> Place | None:
        """Return what the selected row is about."""
        raise NotImplementedError

    @property
    def marked(self) -> tuple[SessionRef, ...]:
        """Return the sessions that are marked."""
        raise NotImplementedError

    def unmark(self) -> None:
        """Mark nothing any more."""
        raise NotImplementedError

    def reveal(self, target: Target) -> None:
        """Select a row, opening what hides it."""
        raise NotImplementedError

    @property
    def program(self) -> Program:
        """Return the program."""
        return cast(Program, self.app)

    @property
    def control(self) -> Control:
        """Return what does it."""
        return self.program.control

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""
        return self.program.clock()

    def following(self) -> Watch[Fleet]:
        """Return what changes while screens are open."""
        return self.program.fleet

    def look(self) -> Display:
        """Return how things are to look."""
        return self.program.setting.display

    def entry(self, alias: str) -> Entry | None:
        """Return what is known of a host now."""
        return self.program.fleet.value.entries.get(alias)

    def session(self, ref: SessionRef) -> Session | None:
        """Return what is known of a session now, None when it is no longer there."""
        entry = self.entry(ref.alias)
        sessions = entry.sessions if entry is not None else ()
        return next((session for session in sessions if session.id == ref.id), None)

    def host_name(self, alias: str) -> str:
        """Return what the screen calls a host."""
        entry = self.entry(alias)
        return entry.host.name if entry is not None else alias

    def there(self, target: Target) -> bool:
        """Tell whether a target is in the newest fleet; say so if it is not."""
        if isinstance(target, SessionRef):
            found = self.session(target) is not None
        else:
            found = self.entry(target.alias) is not None
        if not found:
            self.warn("It is no longer there: nothing was done.")
        return found

    def begin(
        self,
        target: object,
        deed: Callable[[], Coroutine[None, None, None]],
        *,
        asks: bool = False,
    ) -> None:
        """Do something beside the screen, unless something is being done to the same target.

        ``asks``: it begins with a dialog. Keys that are pressed before that is there were meant for
        it, and do nothing.
        """
        busy = self._doing()
        if target in busy:
            return
        busy.add(target)
        self.opening = self.opening or asks
        self.run_worker(self._held(target, deed), group="deeds")

    async def _held(self, target: object, deed: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await deed()
        finally:
            self.opening = False
            self._doing().discard(target)

    def _doing(self) -> set[object]:
        if not hasattr(self, "_busy"):
            self._busy = set()
        return self._busy

    async def ask(self, dialog: Dialog[T]) -> T | None:
        """Return what a person answers, None for nothing."""
        try:
            return await self.app.push_screen_wait(dialog)
        finally:
            self.opening = False

    async def carry_out(self, alias: str, saying: str, outcome: Awaitable[Outcome]) -> Outcome:
        """Wait for the end of something that takes a while; tell it and ask the host again."""
        self.say(saying)
        ended = await outcome
        self.tell(ended)
        self.control.refresh((alias,))
        return ended

    def tell(self, outcome: Outcome) -> None:
        """Say what came of it."""
        if isinstance(outcome, Done):
            self.say(outcome.summary)
        else:
            self.fail(outcome)

    def fail(self, failure: Failed) -> None:
        """Say what was not done, and keep it for the key that shows details."""
        log.info("not done summary=%s", printable(failure.summary))
        self.failure = failure
        unicode = self.look().unicode
        key = "".join(key_name(key, unicode=unicode) for key in self.keys_of("error_detail")[:1])
        text = printable(failure.summary) + (f"\n{key}: details" if key else "")
        self.notify(text, severity="error", markup=False)

    def keys_of(self, action: str) -> tuple[str, ...]:
        """Return the keys of an action, as they are mapped now."""
        return tuple(self.program.preferences.value.keybindings.get(action, ()))

    def say(self, text: str) -> None:
        """Show one line for a while."""
        self.notify(printable(text), markup=False)

    def warn(self, text: str) -> None:
        """Show one line that wants to be seen, for a while."""
        self.notify(printable(text), severity="warning", markup=False)
