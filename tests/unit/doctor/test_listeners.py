"""Tests of why a listener is no project."""

from __future__ import annotations

import pytest

from opencoderouter.core.model import Identity, Kind, Listener
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.listeners import Seen, adopted, judge
from opencoderouter.opencode.answer import Answer, Broken, Foreign, Healthy, Locked, Silent
from opencoderouter.scan.census import Candidate

HERE = "/home/me/my shop"
OURS = Candidate(Listener("127.0.0.1", 30000, inode=1, pid=7, kind=Kind.SERVE), HERE)
UNSEEN = Candidate(Listener("127.0.0.1", 30501, 1000, inode=3))
OTHER = Candidate(Listener("127.0.0.1", 30001, inode=2, pid=8), "/")
HEALTHY = Healthy(Identity(HERE, "1.18.33"))


@pytest.mark.parametrize(
    ("candidate", "answer", "asked", "status", "word"),
    [
        (OURS, Locked(), True, Status.WARNING, "wants a password"),
        (OURS, Broken("1", "bad json"), False, Status.WARNING, "does not load its project"),
        (OURS, Silent(), True, Status.WARNING, "does not answer"),
        (OURS, HEALTHY, True, Status.WARNING, f"not among the router's projects: {HERE}"),
        (UNSEEN, Locked(), True, Status.WARNING, "whose process it is cannot be seen from here"),
        (OTHER, Foreign(), False, Status.INFO, "no OpenCode (1)"),
        (OTHER, Silent(), False, Status.INFO, "no OpenCode (1)"),
    ],
)
def test_why_not(
    candidate: Candidate, answer: Answer, status: Status, word: str, *, asked: bool
) -> None:
    """Each answer has its reason, with who listens where."""
    (finding,) = judge([Seen(candidate, "opencode (pid 7)", answer)], asked=asked)
    assert finding.status is status
    assert word in finding.summary
    assert finding.evidence[0].startswith(f"{candidate.listener.authority}: opencode (pid 7)")


def test_without_a_router_a_healthy_server_is_fine() -> None:
    """Nobody is there to take it in."""
    assert judge([Seen(OURS, "opencode", HEALTHY)], asked=False) == []


def test_a_new_one_may_take_its_time() -> None:
    """A server that was started just now is no problem."""
    (finding,) = judge([Seen(OURS, "opencode", Silent(), young=True)], asked=True)
    assert finding.status is Status.INFO


def test_one_that_hangs_is_started_again() -> None:
    """The command names its directory, as a shell takes it."""
    (finding,) = judge([Seen(OURS, "opencode", Silent())], asked=True)
    assert finding.mend == (
        "ocr-router stop '/home/me/my shop' && ocr-router start '/home/me/my shop'",
    )


@pytest.mark.parametrize("outside", [True, False])
def test_a_process_that_is_not_seen(*, outside: bool) -> None:
    """What shows it is told where it would help, and what does without."""
    (finding,) = judge([Seen(UNSEEN, "a process", Locked(), outside=outside)], asked=True)
    assert any("--pid host" in mend for mend in finding.mend) == outside
    assert finding.mend[-1].endswith("--backend NAME=http://USER:PASSWORD@127.0.0.1:30501")


def test_a_named_server_that_is_not_reached() -> None:
    """The finding names the backend, the reason and the mend; one that starts is no problem."""
    row = {"slug": "shop", "project_path": "http://x:1", "port": 1, "pid": None, "managed": False}
    (finding,) = adopted([row | {"status": "starting", "reason": "x: no such host"}])
    assert finding.status is Status.WARNING
    assert finding.summary == "The server of --backend shop is not reached: x: no such host"
    assert "--backend shop=http://" in finding.mend[0]
    assert adopted([row | {"status": "starting", "reason": ""}]) == []
    assert adopted([row | {"status": "starting", "reason": "tried again", "managed": True}]) == []
