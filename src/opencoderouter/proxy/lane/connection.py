"""A client's connection: its requests one by one, in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from opencoderouter.core.grant import Caller, Grant
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.answers import Answer, accepted, problem, shows_page
from opencoderouter.proxy.lane.client import Client
from opencoderouter.proxy.lane.exchange import Exchange
from opencoderouter.proxy.lane.prepared import Prepared
from opencoderouter.proxy.lane.refusals import LATE, TOO_MANY_WEBSOCKETS
from opencoderouter.proxy.lane.request import END, Request, hopeless, too_long
from opencoderouter.proxy.lane.role import Role
from opencoderouter.proxy.lane.wire import encoded

if TYPE_CHECKING:
    from opencoderouter.proxy.lane.lane import Lane

_AT_ONCE = 64  # requests of one connection that are looked at before others' turn
_AHEAD = 64 * 1024  # octets of later requests that are taken in while one is being answered


class Connection(Client):
    """One client. ``role`` is None while no request is being answered.

    ``grant`` is what the last one was let in by; ``stranger`` is its origin while none was.
    """

    __slots__ = (
        "_caller", "_counted", "_finished", "_lane", "_later", "_told", "grant", "role", "stranger",
    )  # fmt: skip

    def __init__(self, lane: Lane) -> None:
        super().__init__(max(_AHEAD, lane.limits.header_size), lane.draining)
        self._lane = lane
        self.role: Role | None = None
        self.grant: Grant | None = None
        self.stranger = ""
        self._caller: Caller | None = None  # until it is known who that is, nothing is looked at
        self._finished = self._told = False  # says no more; and the role knows
        self._counted = self._later = False  # will go on with its requests in a moment

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or say why not."""
        super().connection_made(transport)
        known = self._lane.door.look(self.address, self.server, self._decided)
        self._caller = known and self.believed(known)
        self.stranger = self._lane.stranger(self._caller)
        if refuse := self._lane.enter(self):
            self.refuse(refuse, None, whole=False)
            return
        self._counted = True
        self._wait(self._lane.idle)

    def _decided(self, caller: Caller) -> None:
        """Begin with the requests that have come meanwhile."""
        self._caller = self.believed(caller)
        if not (self._last or self.transport.is_closing()):
            self._resume()

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the client."""
        self._gone()
        if self._counted:
            self._lane.leave(self)

    def _gone(self) -> None:
        self._last = True
        self._buffer = b""
        self._wait(None)
        role, self.role = self.role, None
        if role is not None:
            role.client_lost()

    def data_received(self, data: bytes) -> None:
        """Take in bytes: of the request at hand, or of the next one."""
        role = self.role
        if role is not None and role.wants and not self._buffer:
            data = role.from_client(data)
            if not data:
                return
        if self._last:
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self.role is None and not self._later:
            self._advance()
        if len(self._buffer) > self._ahead:
            self._pace()

    def eof_received(self) -> bool:
        """Hear that the client says no more. It may still be waiting for answers."""
        self._finished = True
        if not self.can_finish:  # nor can it: the transport ends with it
            self._gone()
            return False
        waiting = self._buffer and (self.full or self._caller is None)
        if self._last or (self.role is None and not waiting):
            return False
        self._tell_finished()
        return True

    def pause_writing(self) -> None:
        """Make the backend wait for the client."""
        self.full = True
        if self.role is not None:
            self.role.client_full()

    def resume_writing(self) -> None:
        """Let the backend go on, or the next request begin."""
        self.full = False
        if self.role is not None:
            self.role.client_free()
        elif not self._last:
            self._resume()

    def release(self) -> None:
        """Go on, first with what has come already."""
        self._blocked = False
        role = self.role
        if self._buffer and role is not None and role.wants:
            data, self._buffer = self._buffer, b""
            rest = role.from_client(data)
            self._buffer = b"" if self._last else rest
        if self._finished:
            self._tell_finished()
        self._pace()

    def take(self, role: Role) -> None:
        """Let ``role`` go on where another one has ended, first with what has come already."""
        self._wait(None)
        self.role, self._told = role, False
        self.release()

    def hurry(self) -> None:
        """Wait not long for more of the answer: the client has finished, or gone; none can tell."""
        self._seen = 0
        self._wait(self._lane.halves)

    def done(self, *, keep: bool, linger: bool) -> None:
        """Go on with the next request, or end. With ``linger`` the client may still be sending."""
        self._blocked = False
        if not keep:
            self._end(linger=linger)
        elif self._buffer:
            self._advance()
        else:
            self._rest()
        if self._held:
            self._pace()

    def cut(self, *, seen: bool) -> None:
        """End in the middle of an answer; by a reset where its end would not be seen otherwise."""
        if seen:
            self._end(linger=self.can_finish)  # else it is only seen when it is closed
        else:
            self.reset()

    def refuse(self, refuse: Refuse, request: Request | None, *, whole: bool) -> None:
        """Answer in the place of a backend. When the request is not ``whole`` it is the last."""
        page = request is not None and shows_page(request.target, accepted(request.headers))
        last = not whole or request is None or not request.keep or refuse.status in _LAST
        self._answer(problem(refuse, page=page), request, last=last, error=refuse.error)
        if not last:
            self.done(keep=True, linger=False)

    def _advance(self) -> None:
        """Begin with the next request, if it has come."""
        caller = self._caller
        if caller is None:
            return
        for _ in range(_AT_ONCE):
            if not self._buffer or self.role is not None or self._last or self.full:
                break
            if not self._next(caller):
                return
        else:  # they are many, and others wait
            self._later = True
            asyncio.get_running_loop().call_soon(self._resume)
            return
        if self.role is None and not self._last:
            if self._buffer:  # it does not take what it is answered
                self._wait(self._lane.draining)
            else:
                self._rest()

    def _resume(self) -> None:
        self._later = False
        self._advance()
        self._pace()

    def _next(self, caller: Caller) -> bool:
        """Begin with the next request, or refuse it; False when its head has not come yet."""
        buffer, begin = self._buffer, 0
        while buffer.startswith(b"\r\n", begin):  # RFC 9112 section 2.2
            begin += 2
        end = buffer.find(END, begin) + len(END)
        if end < len(END):
            return self._begun(buffer[begin:])
        self._buffer = buffer[end:]
        found = self._lane.judge.decide(buffer[begin:end], caller)
        if isinstance(found, Prepared):
            self._begin(found)
        else:
            self._answer(found.answer, found.request, last=found.last, error=found.error)
        return True

    def _begun(self, buffer: bytes) -> bool:
        """Wait for the rest of a head, not for ever, nor for any length."""
        self._buffer = buffer
        if refuse := too_long(buffer, self._lane.limits) or hopeless(buffer):
            self.refuse(refuse, None, whole=False)
        elif self._finished:
            self._close()
        elif buffer or self._queue is not self._lane.heading:  # empty lines win no time
            self._wait(self._lane.heading if buffer else self._lane.idle)
        return False

    def _begin(self, prepared: Prepared) -> None:
        self._wait(None)
        lane = self._lane
        self.grant = prepared.grant
        if self.stranger and prepared.grant is not None:
            lane.welcome(self)
        if prepared.upgrade and not lane.occupancy.upgrade(lane.limits):
            self.refuse(TOO_MANY_WEBSOCKETS, prepared.request, whole=False)
            return
        exchange = Exchange(lane, self, prepared)
        self.role, self._told = exchange, False
        lane.begin(exchange)
        if self._finished:
            self._tell_finished()

    def _tell_finished(self) -> None:
        """Tell the role of the client's end, when all that came before has been told."""
        role = self.role
        if role is not None and not self._told and not (role.wants and self._buffer):
            self._told = True
            role.client_finished()

    def _rest(self) -> None:
        """Wait for the next request."""
        if self._finished:
            self._close()
        else:
            self._wait(self._lane.idle)

    def _answer(self, answer: Answer, request: Request | None, *, last: bool, error: str) -> None:
        last = last or self._lane.closing.is_set()
        data = encoded(answer, request, last=last)
        self.transport.write(data)
        self._lane.answered(self.peer, request, answer.status, len(answer.body), error)
        if last:
            self._end(linger=True)
        else:
            self._wait(None)

    def _end(self, *, linger: bool) -> None:
        """Close. What the client still sends is read for a moment: else it would not hear us."""
        self._last, self._blocked = True, False
        self._buffer = b""
        self.role = None
        if self._finished or not linger or self._lane.crowded():
            self._close()
        else:
            self.finish()
            self._wait(self._lane.lingering)
            self._pace()
        if self._lane.closing.is_set():
            self._lane.freed()

    def stop(self) -> None:
        """End because the router stops, unless a request is being answered."""
        if self.role is not None:
            self.role.end()
        elif not self._last:
            self._wait(None)
            self.transport.close()

    def late(self) -> None:
        """Refuse a head that does not come to its end."""
        self._queue = None
        self.refuse(LATE, None, whole=False)

    def give_up(self) -> None:
        """Close at once, unless something was on its way to it, which one that is gone refuses."""
        self._queue = None
        left = self.transport.get_write_buffer_size()
        sent = self.role.sent if self.role is not None else 0
        if left or sent > self._seen:
            self._seen = sent
            self._wait(self._lane.halves)
        else:
            self.transport.abort()


_LAST = frozenset({400, 408, 414, 431})  # who knows where the next request would begin
