"""What a search finds on one host."""

from __future__ import annotations

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.found import MISS, every, hit, hopeless, scores, texts
from opencoderouter.core.fleet.model import HostSpec, HostState, Report, Session
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.projects import facts


def test_texts() -> None:
    """Looked at are label and alias, the project's path, title and id."""
    sessions = (Session("ses_1", title="Fix IT", directory="/Srv/App"),)
    report = Report(HostState.ONLINE, 0, sessions=sessions)
    entry = Entry(HostSpec("web1", label="Main"), report=report, good=report)
    found = texts(facts(entry, 0, Display()))
    assert (found.host, found.projects) == ("main web1", ("/srv/app",))
    assert found.sessions == ({"ses_1": "fix it ses_1"},)
    assert found.whole == ("/srv/app\nfix it ses_1",)


def test_hopeless() -> None:
    """A project needs no closer look where a word is in none of its lines, nor above."""
    assert hopeless(("gpu",), 0, "login\ngp u") is False
    assert hopeless(("gpu",), 0, "login\ngp\nu")
    assert hopeless(("login", "gpu"), 0, "login")
    assert not hopeless(("login", "gpu"), 0b10, "login")


def test_hit() -> None:
    """A text has some of the words, and a score for them."""
    some = hit(("gpu", "login"), "fix the login")
    assert (some.words, some.score > 0) == (0b10, True)
    assert hit(("z",), "fix") is MISS
    assert every(("a", "b")) == 0b11


def test_scores() -> None:
    """A line needs a word of its own, and all together with what stands above it."""
    lines = ("login", "gpu login", "other")
    assert [bool(one) for one in scores(("gpu", "login"), lines, 0)] == [False, True, False]
    assert [bool(one) for one in scores(("gpu", "login"), lines, 0b01)] == [True, True, False]
    assert [bool(one) for one in scores(("login",), lines, 0)] == [True, True, False]
