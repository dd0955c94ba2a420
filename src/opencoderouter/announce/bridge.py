"""Names of other machines for clients that cannot ask by mDNS: asked for there, told by DNS.

RFC 6762 says how to ask, RFC 8766 (a Discovery Proxy) how to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase

from zeroconf import RecordUpdate, RecordUpdateListener, Zeroconf, current_time_millis
from zeroconf._dns import DNSQuestion
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.dns.limits import Buckets, network_of
from opencoderouter.announce.dns.records import AAAA, ANY, PTR, SRV, TXT, A, Heard, Silence
from opencoderouter.announce.translate import entries, heard, is_denied, spelled
from opencoderouter.watch import Watch

# Seconds from the first packet of a question. Answers come to the multicast address, which all mDNS
# stacks of a machine hear; only the second packet asks for an answer to itself: there it does not
# matter that the record was multicast within the last second (RFC 6762 sections 5.4 and 6).
_PACKETS = (0.0, 0.25, 0.75)
_DIRECT = 1  # the packet that asks so
_PATIENCE = 1.0  # until nobody has the name
_REST = 0.1  # for the rest, once a host has answered: it says all of one name in one packet
_OTHERS = 0.3  # for other hosts, once one has answered: they wait 120 ms at most (section 6)
_FRESH = 5.0  # what was heard is all there is, for so long
_RATE = 20.0  # questions a second, and as many at once
_SHARE = 10.0  # of them, for the clients of one network
_MOST = 1024  # names that are remembered
_WAITING = 512  # clients at once
_QUERY, _IN, _UNICAST = 0, 1, 0x8000
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_SINGLE = {A, AAAA, SRV, TXT}  # one host has them all (RFC 6762 section 10.2)

Clock = Callable[[], float]
Topic = tuple[str, tuple[int, ...]]  # a name with a dot at its end, lower case; types


@dataclass(slots=True)
class _Question:
    """What is being asked. Times are those of the clock; ``born`` is zeroconf's, in ms."""

    topic: Topic
    began: float
    born: float
    sent: int = 0
    answered: float | None = None  # when the first record was seen
    clients: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def patience(self) -> float:
        """Return how long to wait for more, once there is something."""
        return _OTHERS if PTR in self.topic[1] else _REST


class _Ear(RecordUpdateListener):
    """Wakes a question whenever something was heard, also what was known before."""

    def __init__(self, news: asyncio.Event) -> None:
        self._news = news

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Wait for ``async_update_records_complete``."""

    def async_update_records_complete(self) -> None:
        """Tell that the cache has something new."""
        self._news.set()


class Bridge:
    """Asks by mDNS for one name at a time and client, and remembers what was not there.

    ``zeroconf`` is the stack of now, None while there is none. Clients that ask for the same wait
    for the same question: at most 20 a second begin, 10 of them for clients of one network, and
    what is more is refused at once. All memory is bounded.
    """

    def __init__(self, zeroconf: Watch[AsyncZeroconf | None], clock: Clock) -> None:
        self._zeroconf, self._clock = zeroconf, clock
        self._stack: AsyncZeroconf | None = None
        self._open: dict[Topic, _Question] = {}
        self._done: dict[Topic, float] = {}  # until when
        self._begins = Buckets(1.0)
        self._clients = 0

    async def ask(self, name: str, kind: int, client: str) -> Heard:
        """Return what the network says of ``name`` (as ``host.local``) and a type, within 1.1 s.

        ``client`` is the numeric address of who wants to know.
        None of an IPv6 link-local address, which means nothing without its interface, nor of one
        that is no other machine's. Types that mDNS does not know are not asked for: the answer
        says whether the name is there.
        """
        stack = self._newest()
        if stack is None or self._clients >= _WAITING:
            return Silence.BUSY
        topic = _topic(name, kind)
        told = self._known(stack.zeroconf, topic, kind)
        if told is None:
            told = await self._question(stack.zeroconf, topic, kind, client)
        if isinstance(told, Silence):  # with its sockets closed a stack has heard nobody
            return told if stack is self._zeroconf.value else Silence.BUSY
        return tuple(spelled(told, name))

    def _newest(self) -> AsyncZeroconf | None:
        """Return the stack of now; of what was asked of another one nothing counts."""
        stack = self._zeroconf.value
        if stack is not self._stack:
            self._stack = stack
            self._open.clear()
            self._done.clear()
        return stack

    def _known(self, zeroconf: Zeroconf, topic: Topic, kind: int) -> Heard | None:
        """Return what needs no question; None when one must be asked."""
        known = list(entries(zeroconf, topic[0]))
        is_all = self._done.get(topic, 0.0) > self._clock()
        is_there = kind in _SINGLE and any(entry.type == kind for entry in known)
        enough = is_all or is_there or is_denied(known, kind)
        return heard(zeroconf, known, kind) if enough else None

    async def _question(self, zeroconf: Zeroconf, topic: Topic, kind: int, client: str) -> Heard:
        question = self._open.get(topic) or self._begun(topic, client)
        if question is None:
            return Silence.BUSY
        with self._waiting(question), _listening(zeroconf, question.news):
            while not self._is_over(zeroconf, question):
                if (told := self._known(zeroconf, topic, kind)) is not None:
                    return told
                question.news.clear()
                self._send(zeroconf, question)
                await self._rest(question)
            if self._open.get(topic) is question:
                self._remember(topic)
            return heard(zeroconf, list(entries(zeroconf, topic[0])), kind)

    def _begun(self, topic: Topic, client: str) -> _Question | None:
        """Return a new question, unless too many were asked."""
        now, take = self._clock(), self._begins.take
        if not (take(network_of(client), _SHARE, now) and take(None, _RATE, now)):
            return None
        question = self._open[topic] = _Question(topic, now, current_time_millis())
        return question

    @contextmanager
    def _waiting(self, question: _Question) -> Iterator[None]:
        """Count a client. A question that nobody waits for is not asked any further."""
        self._clients += 1
        question.clients += 1
        try:
            yield
        finally:
            self._clients -= 1
            question.clients -= 1
            if not question.clients and self._open.get(question.topic) is question:
                del self._open[question.topic]

    def _is_over(self, zeroconf: Zeroconf, question: _Question) -> bool:
        """Tell whether no more is to be expected."""
        now, (name, kinds) = self._clock(), question.topic
        if question.answered is None:
            fresh = (e for e in entries(zeroconf, name) if e.created >= question.born)
            if any(ANY in kinds or entry.type in kinds for entry in fresh):
                question.answered = now
        enough = question.answered is not None and now >= question.answered + question.patience
        return enough or now >= question.began + _PATIENCE

    def _send(self, zeroconf: Zeroconf, question: _Question) -> None:
        """Send the packets whose time has come, while nobody has answered."""
        past = self._clock() - question.began
        due = sum(past >= moment for moment in _PACKETS)
        if question.sent < due and question.answered is None:
            zeroconf.async_send(_packet(question.topic, direct=due == _DIRECT + 1))
        question.sent = due

    async def _rest(self, question: _Question) -> None:
        """Wait for news, or until there is something to do without any."""
        moments = [question.began + moment for moment in (*_PACKETS[question.sent :], _PATIENCE)]
        if question.answered is not None:
            moments.append(question.answered + question.patience)
        try:
            async with asyncio.timeout(max(min(moments) - self._clock(), 0.001)):
                await question.news.wait()
        except TimeoutError:
            pass

    def _remember(self, topic: Topic) -> None:
        self._done.pop(topic, None)
        if len(self._done) >= _MOST:
            del self._done[next(iter(self._done))]
        self._done[topic] = self._clock() + _FRESH


@contextmanager
def _listening(zeroconf: Zeroconf, news: asyncio.Event) -> Iterator[None]:
    ear = _Ear(news)
    zeroconf.async_add_listener(ear, None)
    try:
        yield
    finally:
        zeroconf.async_remove_listener(ear)


def _topic(name: str, kind: int) -> Topic:
    """Return what is asked. Hosts that do not know ANY know the type; addresses are one thing.

    Only ASCII letters are made small (RFC 6762 section 16): others can become longer by that, and
    would be no label any more.
    """
    kinds = (kind, ANY) if kind in {PTR, SRV, TXT} else (A, AAAA)
    return f"{name.translate(_SMALL).rstrip('.')}.", kinds


def _packet(topic: Topic, *, direct: bool) -> DNSOutgoing:
    name, kinds = topic
    packet = DNSOutgoing(_QUERY)
    for kind in kinds:
        packet.add_question(DNSQuestion(name, kind, _IN | (_UNICAST if direct else 0)))
    return packet
