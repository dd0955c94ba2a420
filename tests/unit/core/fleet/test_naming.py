"""What is meant by a word."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet import naming
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Question,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.naming import NotOne, Word


def host(alias: str, *sessions: Session) -> Entry:
    """Return a host with these sessions."""
    report = Report(HostState.ONLINE, 1.0, sessions=sessions)
    return Entry(HostSpec(alias), report=report, good=report)


ASK = Ask(Live.PERMISSION, "per_1", "ses_abc", "rm")
FLEET = Fleet(
    {
        one.host.alias: one
        for one in (
            host(
                "a",
                Session("ses_abc", directory="/srv/x", project="/srv", updated=5, asks=(ASK,)),
                Session("ses_abd", directory="/srv", updated=9, archived=9),
                Session("ses_x", directory="/srv", updated=7),
            ),
            host("b", Session("ses_abc1", directory="/srv"), Session("ses_q", directory="/q")),
        )
    }
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ses_1", Word("", "ses_1")),
        ("abc", Word("", "abc")),
        ("web:ses_1", Word("web", "ses_1")),
        ("me@web.example.com:/srv/a:b", Word("me@web.example.com", "/srv/a:b")),
        ("web:~/x y", Word("web", "~/x y")),
        ("web:~", Word("web", "~")),
        ("/srv", None),
        ("web:", None),
        ("", None),
        ("a b", None),
        ("web:rel/ative", None),
        ("ses_1;rm", None),
    ],
)
def test_words(text: str, word: Word | None) -> None:
    """A session, or a host with a session or a directory; nothing else."""
    assert naming.parse(text) == word


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ses_x", SessionRef("a", "ses_x", "/srv")),
        ("x", SessionRef("a", "ses_x", "/srv")),
        ("q", SessionRef("b", "ses_q", "/q")),
        ("ses_abc", SessionRef("a", "ses_abc", "/srv/x")),
        ("ses_abd", SessionRef("a", "ses_abd", "/srv")),
        ("b:ses_ab", SessionRef("b", "ses_abc1", "/srv")),
        ("a:/srv", SessionRef("a", "ses_x", "/srv")),
        ("a:/srv/", SessionRef("a", "ses_x", "/srv")),
        ("a:/srv/x", SessionRef("a", "ses_abc", "/srv/x")),
    ],
)
def test_the_session_that_is_meant(text: str, meant: SessionRef) -> None:
    """An id goes before the beginning of another; of a directory it is the newest that is shown."""
    word = naming.parse(text)
    assert word is not None
    assert naming.session(FLEET, word) == meant


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("ses_ab", [("a", "ses_abd"), ("a", "ses_abc"), ("b", "ses_abc1")]),
        ("b:ses_x", []),
        ("nowhere:ses_x", []),
        ("a:/nowhere", []),
    ],
)
def test_what_is_not_one(text: str, candidates: list[tuple[str, str]]) -> None:
    """Those that it may be are told, the newest first."""
    word = naming.parse(text)
    assert word is not None
    found = naming.session(FLEET, word)
    assert isinstance(found, NotOne)
    assert found.word == text
    assert [(alias, one.id) for alias, one in found.candidates] == candidates


@pytest.mark.parametrize("text", ["a", "ses_abc", "a:ses_abc"])
def test_what_asks(text: str) -> None:
    """A host's only question, or that of a session."""
    assert [(alias, ask.id) for alias, _, ask in naming.asks(FLEET, text)] == [("a", "per_1")]


@pytest.mark.parametrize("text", ["b", "ses_x", "nowhere", "a b"])
def test_what_does_not_ask(text: str) -> None:
    """Then there is nothing."""
    assert naming.asks(FLEET, text) == ()


COLOUR = Question("Which?", options=(("Red", ""), ("Blue", "")))
SEVERAL = Question("Which?", options=(("Red", ""), ("Blue", "")), multiple=True)


@pytest.mark.parametrize(
    ("questions", "words", "answers"),
    [
        ((), ("once",), (("once",),)),
        ((), ("always",), (("always",),)),
        ((COLOUR,), ("2",), (("Blue",),)),
        ((COLOUR,), ("red",), (("Red",),)),
        ((COLOUR,), ("3",), (("3",),)),
        ((COLOUR,), ("Mauve, please",), (("Mauve, please",),)),
        ((COLOUR,), ("reject",), ()),
        ((SEVERAL,), ("1", "blue"), (("Red", "Blue"),)),
        ((COLOUR, SEVERAL), ("1", "2"), (("Red",), ("Blue",))),
    ],
)
def test_answers(
    questions: tuple[Question, ...], words: tuple[str, ...], answers: tuple[tuple[str, ...], ...]
) -> None:
    """Options by number or text, other text as it is."""
    assert naming.answers(Ask(Live.QUESTION, "q", "s", "?", questions), words) == answers


@pytest.mark.parametrize(
    ("questions", "words", "why"),
    [
        ((), ("yes",), "once, always or reject"),
        ((), ("once", "always"), "once, always or reject"),
        ((COLOUR,), ("1", "2"), "1 questions"),
        ((COLOUR, COLOUR), ("1",), "2 questions"),
    ],
)
def test_what_is_no_answer(
    questions: tuple[Question, ...], words: tuple[str, ...], why: str
) -> None:
    """It is said what would be one."""
    said = naming.answers(Ask(Live.PERMISSION, "q", "s", "?", questions), words)
    assert isinstance(said, str)
    assert why in said


@pytest.mark.parametrize(
    ("project", "is_wanted"),
    [
        ("", True),
        ("/srv/my/shop", True),
        ("shop", True),
        ("my/shop/", True),
        ("hop", False),
        ("/srv/*", True),
        ("/sub", False),
        ("shop/sub", True),
    ],
)
def test_whose_session_it_is(project: str, is_wanted: bool) -> None:  # noqa: FBT001 - a row
    """Projects are told by directory, its end, or a pattern."""
    one = Session("ses_1", directory="/srv/my/shop/sub", project="/srv/my/shop")
    assert naming.is_of(project, one) is is_wanted


def test_a_directory_has_no_slash_at_its_end() -> None:
    """The root is the root."""
    assert naming.project("a", "/srv/") == ProjectRef("a", "/srv")
    assert naming.project("a", "/") == ProjectRef("a", "/")
