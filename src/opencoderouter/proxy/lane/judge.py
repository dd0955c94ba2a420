"""Decides about request heads; one that repeats is looked at once a table and keyring."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace

from opencoderouter.core.grant import Caller, Grant
from opencoderouter.proxy.answers import problem
from opencoderouter.proxy.lane.notes import Notes
from opencoderouter.proxy.lane.prepared import Prepared, Refused, View, prepare
from opencoderouter.proxy.lane.refusals import DEFECT
from opencoderouter.proxy.lane.routing import Routing

log = logging.getLogger(__name__)
_REMEMBERED = 1024  # request heads
_SHORT = 2048  # octets of a request head that is remembered


class Judge:
    """Knows the newest table and keyring, and what was decided by them."""

    def __init__(self, routing: Routing) -> None:
        self._table, self._keyring, self._now = routing.table, routing.keyring, routing.now
        self._strikes, self._notes = routing.strikes, Notes(routing.record)
        table, keyring = self._table(), self._keyring()
        self._names = routing.names
        names = self._names.relabeled(table.labels)
        self._view = View(table, names, routing.limits, keyring, routing.scheme)
        self._prepared: dict[tuple[Caller, bytes], Prepared] = {}
        self._guesses: set[tuple[str, bytes]] = set()  # wrong secrets, by digest
        self._held = keyring  # by which all are here who were let in
        self._soonest = math.inf  # when the first of them may be no longer

    def decide(self, raw: bytes, caller: Caller) -> Prepared | Refused:
        """Return what to do about a request head. Never raises."""
        view = self._view
        if self._table() is not view.table or self._keyring() is not view.keyring:
            view = self._look_again()
        known = self._prepared.get((caller, raw))
        if known is not None and self._now() < self._soonest:
            return known
        try:
            return self._decide(raw, caller, view)
        except Exception:
            log.exception("failed peer=%s", caller.address)
            return Refused(problem(DEFECT, page=False), last=True, error=DEFECT.error)

    def has_changed(self) -> bool:
        """Tell, once, whether somebody who was let in may have to go."""
        keyring = self._keyring()
        if keyring is self._held and self._now() < self._soonest:
            return False
        self._held, self._soonest = keyring, math.inf
        self._prepared.clear()
        return True

    def holds(self, grant: Grant | None) -> bool:
        """Tell whether somebody who was let in still may be here."""
        if grant is None:
            return True
        if not self._held.holds(grant, self._now()):
            return False
        self._expect(grant)
        return True

    def _decide(self, raw: bytes, caller: Caller, view: View) -> Prepared | Refused:
        """Look at a head for the first time."""
        held = self._strikes.wait(caller.origin, time.monotonic())
        found = prepare(raw, caller, view, self._now(), held=held)
        admission = found.admission
        if admission.failed and self._is_new_guess(caller.origin, admission.tried):
            self._strikes.failed(caller.origin, time.monotonic())
        if isinstance(found, Refused):
            self._notes.refused(caller, found)
            return found
        if admission.failed:
            self._notes.failed(caller, found.request)
        self._notes.admitted(caller, found.grant)
        if found.grant is not None:
            self._expect(found.grant)
        # Not what depends on how many failures there have been, nor what is one.
        if len(raw) <= _SHORT and not (admission.failed or admission.held):
            if len(self._prepared) >= _REMEMBERED:
                self._prepared.clear()
            self._prepared[caller, raw] = found
        return found

    def _is_new_guess(self, origin: str, tried: bytes) -> bool:
        """Tell whether a wrong secret is shown for the first time.

        A client that was left behind shows its old one for ever: that is no guessing, and must not
        keep others out who come from the same address.
        """
        guess = (origin, tried)
        if guess in self._guesses:
            return False
        if len(self._guesses) >= _REMEMBERED:
            self._guesses.clear()
        self._guesses.add(guess)
        return True

    def _look_again(self) -> View:
        """Forget what was decided by an older table or keyring."""
        table, keyring = self._table(), self._keyring()
        if keyring is not self._view.keyring:
            self._notes.again()
        self._prepared.clear()
        names = self._names.relabeled(table.labels)
        self._view = replace(self._view, table=table, names=names, keyring=keyring)
        return self._view

    def _expect(self, grant: Grant) -> None:
        if grant.expires is not None:
            self._soonest = min(self._soonest, grant.expires)
