"""What a lane tells the audit log, how often, and what it keeps to itself."""

from __future__ import annotations

import pytest

from opencoderouter.core.admission import Admission
from opencoderouter.core.grant import EVERYBODY, PEER, Caller, Grant
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.answers import problem
from opencoderouter.proxy.lane.notes import Notes
from opencoderouter.proxy.lane.prepared import Refused
from opencoderouter.proxy.lane.request import Request

FAR, ME = Caller("192.0.2.9"), Caller("127.0.0.1", 1000)
TOKEN = Grant("token", "ci", token="t1")


class Log:
    """Has what was recorded."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.notes = Notes(self.record)

    def record(self, event: str, /, **facts: object) -> None:
        """Take note of an event."""
        self.events.append((event, facts))


def refused(
    status: int, admission: Admission, target: str = "/x", host: str = "localhost"
) -> Refused:
    """Return a request that was refused."""
    request = Request("GET", target, (("Host", host),), 0, keep=True, old=False)
    answer = problem(Refuse(status, "word", "d", "h"), page=False)
    return Refused(answer, last=False, request=request, error="word", admission=admission)


def test_uses_of_secrets() -> None:
    """Each token, and the password, is told once for each place that it is used from."""
    log = Log()
    other = Grant("password", epoch="e")
    for _ in range(3):
        for caller in (FAR, ME):
            log.notes.admitted(caller, TOKEN)
        log.notes.admitted(FAR, other)
    assert log.events == [
        ("token_used", {"name": "ci", "token": "t1", "origin": "192.0.2.9"}),
        ("token_used", {"name": "ci", "token": "t1", "origin": "127.0.0.1#1000"}),
        ("password_used", {"name": "owner", "origin": "192.0.2.9"}),
    ]


@pytest.mark.parametrize("grant", [None, PEER, EVERYBODY, Grant("token", "cd", session="s")])
def test_others_are_not_told(grant: Grant | None) -> None:
    """Only secrets are: a session began with a login, which was told, and others need nothing."""
    log = Log()
    log.notes.admitted(FAR, grant)
    assert not log.events


def test_again() -> None:
    """With other tokens everything is told anew."""
    log = Log()
    for _ in range(2):
        log.notes.admitted(FAR, TOKEN)
        log.notes.again()
    assert len(log.events) == 2


def test_only_so_many_are_remembered() -> None:
    """Whoever comes from ever new places does not fill the memory; all is told."""
    log = Log()
    for number in range(5000):
        log.notes.admitted(Caller(f"2001:db8::{number:x}"), TOKEN)
    log.notes.admitted(Caller("2001:db8::1387"), TOKEN)
    assert len(log.events) == 5000
    log.notes.admitted(Caller("2001:db8::0"), TOKEN)
    assert len(log.events) == 5001


@pytest.mark.parametrize(
    ("status", "failed", "event"),
    [
        *[(401, True, "login_failed"), (401, False, "refused"), (403, False, "refused")],
        *[(421, False, "refused"), (429, False, "refused")],
        *[(status, False, None) for status in (300, 302, 308, 400, 404, 500, 503)],
    ],
)
def test_refusals(status: int, failed: bool, event: str | None) -> None:  # noqa: FBT001
    """Every one for who asked, or from where; not those for what was asked."""
    log = Log()
    for _ in range(2):
        log.notes.refused(FAR, refused(status, Admission(failed=failed)))
    facts = {"origin": "192.0.2.9", "error": "word", "name": "", "method": "GET"}
    told = (event, {**facts, "host": "localhost", "path": "/x"})
    assert log.events == ([told, told] if event else [])


def test_who_was_refused() -> None:
    """Where a token leads no further it is named, and which user of this machine it was."""
    log = Log()
    log.notes.refused(ME, refused(403, Admission(TOKEN, spent=True)))
    assert log.events[0][1]["name"] == "ci"
    assert log.events[0][1]["origin"] == "127.0.0.1#1000"


@pytest.mark.parametrize("target", ["/x?auth_token=s3cret", "/x?", "/x#s3cret", "/x?a#b?s3cret"])
def test_no_query_is_told(target: str) -> None:
    """Secrets may stand there."""
    log = Log()
    log.notes.refused(FAR, refused(401, Admission(), target))
    assert log.events[0][1]["path"] == "/x"


def test_long_ones_are_cut() -> None:
    """A line of the log has its limits."""
    log = Log()
    log.notes.refused(FAR, refused(421, Admission(), "/" + "a" * 9000, "h" * 9000))
    facts = log.events[0][1]
    assert (facts["host"], facts["path"]) == ("h" * 256, "/" + "a" * 255)


def test_what_is_no_request() -> None:
    """Nobody can tell what was asked: that is another log's."""
    log = Log()
    answer = problem(Refuse(421, "word", "d", "h"), page=False)
    log.notes.refused(FAR, Refused(answer, last=True, error="word"))
    assert not log.events
