"""Answers of our own: for programs and for browsers, and what else they tell."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from tests.fakes import backend

from opencoderouter.core.headers import get
from opencoderouter.core.plan import Links, Redirect, Unauthenticated
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.answers import (
    accepted,
    links,
    problem,
    redirect,
    shows_page,
    unauthenticated,
)
from opencoderouter.registry import Registry

REFUSE = Refuse(404, "unknown_project", "There is no project '<é\udcff>'.", "See `ls` & more.")


def test_for_programs() -> None:
    """An error is a word, what happened and what to do, in JSON."""
    answer = problem(REFUSE, page=False)
    assert answer.status == 404
    assert get(answer.headers, "content-type") == "application/json"
    told = json.loads(answer.body)
    assert told == {"error": REFUSE.error, "detail": REFUSE.detail, "hint": REFUSE.hint}


def test_for_browsers() -> None:
    """As a page it says the same, and what it quotes is text."""
    answer = problem(REFUSE, page=True)
    assert answer.status == 404
    assert get(answer.headers, "content-type") == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert "404 Not Found" in page
    assert "&lt;é?&gt;" in page
    assert "See <code>ls</code> &amp; more" in page
    assert "<a" not in page
    assert '<a href="/?&quot;">' in problem(REFUSE, page=True, home='/?"').body.decode()


@pytest.mark.parametrize("page", [True, False])
def test_not_kept(page: bool) -> None:  # noqa: FBT001
    """What is so now may be otherwise in a moment, and for another client."""
    answer = problem(REFUSE, page=page)
    assert get(answer.headers, "cache-control") == "no-store"
    assert get(answer.headers, "vary") == "Accept"


@pytest.mark.parametrize("page", [True, False])
@pytest.mark.parametrize(
    ("status", "wait"), [(502, "1"), (503, "1"), (500, None), (404, None), (408, None)]
)
def test_when_to_come_back(status: int, wait: str | None, page: bool) -> None:  # noqa: FBT001
    """It is said where it makes sense to ask again."""
    answer = problem(Refuse(status, "word", "d", "h"), page=page)
    assert get(answer.headers, "retry-after") == wait


def test_when_to_come_back_after_failures() -> None:
    """Who guessed too often is told how long it takes."""
    answer = problem(Refuse(429, "word", "d", "h", wait=7), page=False)
    assert get(answer.headers, "retry-after") == "7"


@pytest.mark.parametrize("page", [True, False])
@pytest.mark.parametrize("browser", [True, False])
def test_unauthenticated(page: bool, browser: bool) -> None:  # noqa: FBT001
    """It is asked for credentials; a browser never by Basic, for which it has a dialog."""
    answer = unauthenticated(Unauthenticated("/x?y=1", page, browser, readable=False))
    asked = [value for name, value in answer.headers if name == "WWW-Authenticate"]
    basic = 'Basic realm="OpenCodeRouter", charset="UTF-8"'
    assert asked == [*([] if browser else [basic]), 'Bearer realm="OpenCodeRouter"']
    assert (answer.status, get(answer.headers, "cache-control")) == (401, "no-store")
    assert get(answer.headers, "vary") == "Accept"
    if page:
        assert b'name="to" value="/x?y=1"' in answer.body
    else:
        said = json.loads(answer.body)
        assert (set(said), said["error"]) == ({"error", "detail", "hint"}, "unauthenticated")


def test_form_says_that_it_can_be_read() -> None:
    """Over a network without encryption the page says so."""
    told, untold = (
        unauthenticated(Unauthenticated("/", page=True, browser=True, readable=readable)).body
        for readable in (True, False)
    )
    assert told != untold


def test_more_fields() -> None:
    """A field of its own is passed on; nothing frames the body yet."""
    answer = problem(Refuse(405, "word", "d", "h"), page=False, headers=(("Allow", "GET"),))
    assert get(answer.headers, "allow") == "GET"
    names = {name.lower() for name, _ in answer.headers}
    assert names.isdisjoint({"content-length", "transfer-encoding", "connection", "date"})


@pytest.mark.parametrize(
    ("target", "accept", "page"),
    [
        *[("/", "text/html", True), ("/x", "application/xhtml+xml, Text/HTML;q=0.9", True)],
        *[("/x", "text/htmlx", False), ("/x", "*/*", False), ("/x", "", False)],
        *[("/api/x", "text/html", False), ("/.ocr/api/x", "text/html", False)],
        *[("/apix", "text/html", True), ("/.ocr/x", "text/html", True)],
    ],
)
def test_who_gets_a_page(target: str, accept: str, page: bool) -> None:  # noqa: FBT001
    """Who asks for one, anywhere but where programs ask."""
    assert shows_page(target, accept) is page


def test_accepted() -> None:
    """Without the field nothing is."""
    assert accepted((("x", "y"), ("ACCEPT", "a/b"), ("Accept", "c/d"))) == "a/b"
    assert accepted(()) == ""


@pytest.mark.parametrize("varies", [True, False])
def test_redirect(varies: bool) -> None:  # noqa: FBT001
    """The way is told; that others are led elsewhere, too."""
    answer = redirect(Redirect(308, "/alpha/?a=%zz", varies=varies))
    assert (answer.status, answer.body) == (308, b"")
    assert get(answer.headers, "location") == "/alpha/?a=%zz"
    assert get(answer.headers, "cache-control") == "no-store"
    assert (get(answer.headers, "vary") is not None) is varies


def test_links() -> None:
    """Each address can be clicked on; their text is only text."""
    registry = Registry()
    registry.observe(backend("/home/alice/alpha", 4001))
    project = registry.table.projects["alpha"]
    answer = links(Links(project, (('http://a/?"<x>', '/go?"<x>'), ("http://b/", "http://b/"))))
    assert answer.status == HTTPStatus.MULTIPLE_CHOICES
    page = answer.body.decode()
    assert 'href="/go?&quot;&lt;x&gt;">http://a/?&quot;&lt;x&gt;<' in page
    assert 'href="http://b/">http://b/<' in page
    assert "Accept" in (get(answer.headers, "vary") or "")
    assert get(answer.headers, "cache-control") == "no-store"
