"""A session's messages, todo list and changes, from a server and from the database."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.control import Detail, FileChange, Message, Todo
from opencoderouter.core.fleet.reading import from_database, from_server, statement

NONCE = "f00d"
USER = {"role": "user", "time": {"created": 1000}}
REFUSED = {
    "role": "assistant",
    "time": {"created": 2000, "completed": 3000},
    "error": {"name": "APIError", "data": {"message": "no", "statusCode": 400}},
}
MESSAGES = [
    {
        "info": USER,
        "parts": [
            {"type": "text", "text": "Do it"},
            {"type": "text", "text": "hidden", "synthetic": True},
            {"type": "file", "url": "x"},
            {"type": "text", "text": "now"},
        ],
    },
    {"info": REFUSED, "parts": []},
]
STORED = [{"info": REFUSED, "texts": []}, {"info": USER, "texts": ["Do it", None, "now"]}]
TODO = [{"content": "Mend", "status": "pending", "priority": "high"}]
CHANGES = [{"file": "a.py", "additions": 2, "deletions": 1, "before": "x", "after": "y"}]
DETAIL = Detail(
    (Message("user", "Do it\nnow", 1.0), Message("assistant", "", 2.0, "APIError")),
    (Todo("Mend", "pending"),),
    (FileChange("a.py", 2, 1),),
    'APIError: no\n{\n "statusCode": 400\n}',
)


def stored(text: str, code: int = 0, said: str = "") -> bytes:
    """Return what the script prints of the database."""
    return (
        f"motd\n{NONCE} begin 1\n\n{NONCE} part detail\n{text}\n{NONCE} said {code}\n{said}\n"
        f"\n{NONCE} done detail\n\n{NONCE} end\n"
    ).encode()


def test_server() -> None:
    """A server's answers are read, oldest message first."""
    assert from_server(MESSAGES, TODO, CHANGES) == DETAIL


def test_server_in_parts() -> None:
    """Without messages there is nothing; a list that did not come is named."""
    assert from_server(None, TODO, CHANGES) is None
    found = from_server([], None, "x")
    expected = ("todo list: the server did not tell", "changes: the server did not tell")
    assert found == Detail(missing=expected)


def test_database() -> None:
    """The database tells the same; it has the newest message first."""
    row = {"messages": STORED, "todo": TODO, "changes": CHANGES}
    text = json.dumps([{name: json.dumps(value) for name, value in row.items()}], indent=2)
    assert from_database(stored(text), NONCE) == DETAIL


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"no login", "its shell ran no script for us"),
        (stored("[]"), "the session is not there any more"),
        (stored("", 1, "Error: locked"), "opencode db: Error: locked"),
        (stored("", 124), "opencode db: it took too long"),
        (stored("[]")[:-30], "opencode db: the answer was cut off"),
    ],
)
def test_not_told(output: bytes, reason: str) -> None:
    """It says why there is nothing."""
    assert from_database(output, NONCE) == reason


def test_statement() -> None:
    """Only an id gets into the SQL."""
    assert statement("ses_abc").count("'ses_abc'") == 4
    assert ":session" not in statement("ses_abc")
    for bad in ("ses_a' or 1=1 --", "", "msg_a", "ses_a\n"):
        with pytest.raises(ValueError, match="no session id"):
            statement(bad)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from(["role", "time", "error", "parts", "info", "texts"]))
def test_never_raises(value: object, key: str) -> None:
    """Any answers are read."""
    from_server(value, value, value)
    messages = [{"info": {**REFUSED, key: value}, "parts": value}, {"info": USER, key: value}]
    from_server(messages, value, value)
    from_database(stored(json.dumps([{"messages": json.dumps(messages), "todo": value}])), NONCE)
    from_database(stored(json.dumps(value)), NONCE)
