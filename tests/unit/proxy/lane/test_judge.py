"""What is decided about request heads, for how long, and what becomes known of it."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field, replace

import pytest
from tests.fakes import OPEN, backend
from tests.rig.entry import NOW, Entry, nobody

from opencoderouter.core.grant import Caller, Grant
from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import SESSION_LIFE, Keyring, Token, digest
from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane import judge as module
from opencoderouter.proxy.lane.judge import Judge
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.prepared import Prepared, Refused
from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.registry import Registry

FAR, OTHER = Caller("192.0.2.9"), Caller("192.0.2.8")
ME = Caller("127.0.0.1", 1000, free=True)
TOKEN = Token("t1", "ci", digest("ocrt_x").hex(), NOW, expires=NOW + 60)
KEYRING = Keyring("auto", digest("s3cret"), b"k" * 32, {TOKEN.digest: TOKEN})


class NoInquirer:
    """Asks nobody."""

    async def busy(self, _: Listener) -> frozenset[str] | None:
        """Know nothing."""
        return None


@dataclass
class Rig:
    """A judge, and what it looks at."""

    entry: Entry = field(default_factory=lambda: Entry(KEYRING))
    registry: Registry = field(default_factory=Registry)

    def __post_init__(self) -> None:
        self.registry.observe(backend("/home/alice/alpha", 4001))
        self.judge = Judge(
            Routing(
                table=lambda: self.registry.table,
                names=Names("alice"),
                inquirer=NoInquirer(),
                dial=socket.socket,
                limits=Limits(),
                occupancy=Occupancy.create(1),
                stats=Stats(),
                access=None,
                closing=asyncio.Event(),
                keyring=lambda: self.entry.keyring,
                door=nobody(),
                strikes=self.entry.strikes,
                record=self.entry.record,
                now=lambda: self.entry.clock,
            )
        )

    def ask(self, secret: str = "", caller: Caller = FAR, more: str = "") -> Prepared | Refused:
        """Decide about a request to a project."""
        shown = f"Authorization: Bearer {secret}\r\n" if secret else ""
        raw = f"GET /x HTTP/1.1\r\nHost: alpha.localhost\r\n{shown}{more}\r\n"
        return self.judge.decide(raw.encode(), caller)

    def admitted(self, secret: str = "", caller: Caller = FAR, more: str = "") -> Prepared:
        """Decide about one that goes on."""
        found = self.ask(secret, caller, more)
        assert isinstance(found, Prepared)
        return found

    def status(self, secret: str = "", caller: Caller = FAR) -> int:
        """Decide about one that does not."""
        found = self.ask(secret, caller)
        assert isinstance(found, Refused)
        return found.answer.status


def test_what_repeats_is_looked_at_once() -> None:
    """The same head of the same caller has the same answer; another caller has another."""
    rig = Rig()
    first = rig.admitted("s3cret")
    assert rig.admitted("s3cret") is first
    assert rig.admitted("s3cret", OTHER) is not first
    assert rig.status() == 401
    assert rig.admitted(caller=ME).grant is not None
    assert rig.status(caller=replace_free(ME)) == 401


def replace_free(caller: Caller) -> Caller:
    """Return the same user's agent."""
    return caller._replace(free=False)


def test_long_heads_are_not_remembered() -> None:
    """Nor are too many: memory has its limits."""
    rig = Rig()
    long = f"A: {'a' * 4096}\r\n"
    assert rig.admitted("s3cret", more=long) is not rig.admitted("s3cret", more=long)
    first = rig.admitted("s3cret")
    for number in range(1100):
        rig.admitted("s3cret", more=f"A: {number}\r\n")
    assert rig.admitted("s3cret") is not first


def test_another_table() -> None:
    """What is served may be served elsewhere now, or no more."""
    rig = Rig()
    first = rig.admitted("s3cret")
    rig.registry.forget(backend("/home/alice/alpha", 4001).listener)
    assert rig.status("s3cret") == 503
    rig.registry.observe(backend("/home/alice/alpha", 4002))
    assert rig.admitted("s3cret").key != first.key


def test_another_keyring() -> None:
    """From the very next request on the old password is none."""
    rig = Rig()
    rig.admitted("s3cret")
    rig.entry.keyring = replace(KEYRING, password=digest("new"))
    assert rig.status("s3cret") == 401
    rig.admitted("new")


def test_a_token_that_is_over() -> None:
    """From the very moment on; what it had opened has to go, others stay."""
    rig = Rig()
    token, password = rig.admitted("ocrt_x").grant, rig.admitted("s3cret").grant
    assert not rig.judge.has_changed()
    rig.entry.clock = NOW + 60
    assert rig.status("ocrt_x") == 401
    assert rig.judge.has_changed()
    assert not rig.judge.holds(token)
    assert rig.judge.holds(password)
    assert not rig.judge.has_changed()
    assert rig.admitted("s3cret") is rig.admitted("s3cret")


def test_a_session_that_is_over() -> None:
    """A stream that it has opened has to go at that time, even after others have."""
    rig = Rig()
    rig.admitted("ocrt_x")
    value = KEYRING.seal(
        Grant("password", epoch=KEYRING.epoch), "s", FAR.origin, "alpha.localhost", NOW
    )
    own = "Sec-Fetch-Site: same-origin\r\n"
    session = rig.admitted(more=f"Cookie: {KEYRING.cookie}={value}\r\n{own}").grant
    rig.entry.clock = NOW + 60
    assert rig.judge.has_changed()
    assert rig.judge.holds(session)
    rig.entry.clock = NOW + SESSION_LIFE
    assert rig.judge.has_changed()
    assert not rig.judge.holds(session)


@pytest.mark.parametrize(
    "new",
    [
        replace(KEYRING, revoked=frozenset({"s"})),
        replace(KEYRING, password=digest("new")),
        replace(KEYRING, key=b"new"),
    ],
)
def test_who_has_to_go(new: Keyring) -> None:
    """After a logout or a rotation that is told once, and who is meant; nobody else is."""
    rig = Rig()
    grant = Grant("password", epoch=KEYRING.epoch, session="s")
    peer = rig.admitted(caller=ME).grant
    assert rig.judge.holds(grant)
    rig.entry.keyring = new
    assert (rig.judge.has_changed(), rig.judge.has_changed()) == (True, False)
    assert not rig.judge.holds(grant)
    assert rig.judge.holds(peer)
    assert rig.judge.holds(None)


def test_failures() -> None:
    """After some wrong passwords the right one is not looked at; others are not held up."""
    rig = Rig()
    statuses = [rig.status(f"wrong{number}") for number in range(12)]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429
    assert rig.status("s3cret") == 429
    rig.admitted("s3cret", OTHER)
    rig.admitted("ocrt_x")
    events = [event for event, _ in rig.entry.events]
    assert events.count("login_failed") == statuses.count(401)
    assert events.count("refused") == statuses.count(429) + 1
    assert "wrong" not in str(rig.entry.events)


def test_the_same_wrong_password_counts_once() -> None:
    """A program with an old password keeps nobody out who has its address; a guesser does."""
    rig = Rig()
    assert {rig.status("old") for _ in range(50)} == {401}
    rig.admitted("s3cret")
    assert [rig.status(f"guess {n}") for n in range(12)][-1] == 429


def test_no_try_is_no_failure() -> None:
    """Who shows nothing may ask for ever, and is only told who to be."""
    rig = Rig()
    assert {rig.status() for _ in range(20)} == {401}
    rig.admitted("s3cret")


def test_uses_are_noted() -> None:
    """A token's once for each keyring; the peer's never."""
    rig = Rig()
    for _ in range(2):
        rig.admitted("ocrt_x")
        rig.admitted("ocrt_x", more="A: b\r\n")
        rig.admitted(caller=ME)
        assert [event for event, _ in rig.entry.events] == ["token_used"]
        rig.entry.events.clear()
        rig.entry.keyring = replace(KEYRING, revoked=frozenset({str(id(rig))}))


def test_open() -> None:
    """Without a keyring everybody comes in, and nobody has to go."""
    rig = Rig(Entry(OPEN))
    grant = rig.admitted().grant
    assert grant is not None
    assert rig.judge.holds(grant)
    assert not rig.judge.has_changed()


def test_a_defect(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with us, the client gets an answer, and nothing is let in."""

    def broken(*_: object, **__: object) -> Prepared:
        raise RuntimeError("broken")

    monkeypatch.setattr(module, "prepare", broken)
    found = Rig().ask("s3cret")
    assert isinstance(found, Refused)
    assert (found.answer.status, found.last) == (500, True)
    assert "s3cret" not in caplog.text
    caplog.clear()


def test_a_new_label() -> None:
    """A project that has another name on the network is reached by it at once."""
    rig = Rig()
    raw = b"GET /x HTTP/1.1\r\nHost: alpha-alice-box.local\r\n\r\n"

    def refusal() -> str:
        found = rig.judge.decide(raw, FAR)
        return found.error if isinstance(found, Refused) else ""

    before = refusal()
    rig.registry.relabel("alpha", "alpha-alice-box")
    assert (before, refusal()) == ("unknown_host", "unauthenticated")
