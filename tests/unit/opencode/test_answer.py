"""Answers: what is OpenCode, what is locked, broken, something else; and never an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Identity, Sessions
from opencoderouter.opencode.answer import (
    Answer,
    Broken,
    Foreign,
    Healthy,
    Locked,
    Reply,
    is_directory,
    read_busy,
    read_health,
    read_path,
    read_sessions,
)

JSON = "application/json"
WELL = {"healthy": True, "version": "1.18.33"}


def reply(said: object, status: int = 200, kind: str = JSON, challenge: str = "") -> Reply:
    """Return a reply whose body is ``said`` as JSON."""
    return Reply(status, kind, challenge, json.dumps(said).encode())


def healthy(version: str) -> Healthy:
    """Return what a health answer makes known."""
    return Healthy(Identity("", version))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(WELL), healthy("1.18.33")),
        (reply(WELL, kind="Application/JSON; charset=utf-8"), healthy("1.18.33")),
        (reply({"healthy": True}), healthy("")),
        (reply({"healthy": True, "version": 1}), healthy("")),
        (
            reply({"healthy": True, "version": "1\n\x1b[31m" + "9" * 99}),
            healthy("1 [31m" + "9" * 58),
        ),
        (reply({"healthy": 1}), Foreign()),
        (reply({"healthy": "true"}), Foreign()),
        (reply({"healthy": False}), Foreign()),
        (reply({}), Foreign()),
        (reply([WELL]), Foreign()),
        (reply(None), Foreign()),
        (reply(WELL, status=503), Foreign()),
        (reply(WELL, status=201), Foreign()),
        (reply(WELL, kind="text/html"), Foreign()),
        (reply(WELL, kind="application/json-seq"), Foreign()),
        (reply(WELL, kind=""), Foreign()),
        (Reply(200, JSON, "", b"<!doctype html>"), Foreign()),
        (Reply(200, JSON, "", b'{"healthy": true'), Foreign()),
        (Reply(200, JSON, "", b"\xff\xfe"), Foreign()),
        (Reply(200, JSON, "", b"[" * 100_000), Foreign()),
        (Reply(200, JSON, "", b"9" * 5000), Foreign()),
        (Reply(301), Foreign()),
        (Reply(401, "", 'Basic realm="Secure Area"'), Locked()),
        (Reply(401, "", 'basic REALM="secure area", charset="UTF-8"'), Locked()),
        (Reply(401, "", 'Basic realm="Router"'), Foreign()),
        (Reply(401), Foreign()),
        (Reply(403, "", 'Basic realm="Secure Area"'), Foreign()),
    ],
)
def test_health(answer: Reply, expected: Answer) -> None:
    """Only JSON that says `healthy: true` is OpenCode's; its refusal is known by its realm."""
    assert read_health(answer) == expected


BROKEN = {"name": "ConfigJsonError", "data": {"path": "/x", "message": "Unexpected\n  end"}}
# As OpenCode 1.18.33 says it: the file is quoted twice, with the keys that are in it.
QUOTED = """
--- JSONC Input ---
{ "apiKey": "secret", }}

--- Errors ---
ValueExpected at line 1, column 23
   Line 1: { "apiKey": "secret", }}
                         ^
--- End ---"""
JSONC = {"name": "ConfigJsonError", "data": {"path": "/a/opencode.json", "message": QUOTED}}
ISSUES = [{"path": ["provider", "x", 0], "message": "Expected object, got 5"}, {"path": []}]
INVALID = {"name": "ConfigInvalidError", "data": {"path": "/a/opencode.json", "issues": ISSUES}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply({"directory": "/a"}), Healthy(Identity("/a", "1"))),
        (reply({"directory": "/a\ud800"}), Foreign()),
        (reply({"directory": "a"}), Foreign()),
        (reply({"directory": ""}), Foreign()),
        (reply({"directory": ["/a"]}), Foreign()),
        (reply({"worktree": "/"}), Foreign()),
        (reply(["/a"]), Foreign()),
        (reply({"directory": "/a"}, status=204), Foreign()),
        (reply({"directory": "/a"}, kind="text/html"), Foreign()),
        (reply(BROKEN, status=400), Broken("1", "/x: Unexpected end")),
        (
            reply(JSONC, status=400),
            Broken("1", "/a/opencode.json: ValueExpected at line 1, column 23"),
        ),
        (
            reply(INVALID, status=400),
            Broken("1", "/a/opencode.json: provider.x.0: Expected object, got 5"),
        ),
        (reply({"data": {"issues": [5]}}, status=400), Broken("1", "GET /path answers 400")),
        (reply({"name": "ConfigInvalidError"}, status=400), Broken("1", "ConfigInvalidError")),
        (reply({"data": "x"}, status=500), Broken("1", "GET /path answers 500")),
        (reply([], status=400), Broken("1", "GET /path answers 400")),
        (Reply(502, "text/html"), Broken("1", "GET /path answers 502")),
        (reply({"data": {"message": "x" * 999}}, status=400), Broken("1", "x" * 500)),
        (Reply(401, "", 'Basic realm="Secure Area"'), Locked()),
    ],
)
def test_path(answer: Reply, expected: Answer) -> None:
    """`directory` is the identity, not `worktree`; a refusal says why the project is broken."""
    assert read_path(answer, "1") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply({}), frozenset()),
        (reply({"ses_a": {"type": "busy"}, "ses_b": {"type": "retry"}}), {"ses_a", "ses_b"}),
        (reply({"ses_a": {"type": "idle"}, "ses_b": 7}), frozenset()),
        (reply([]), None),
        (reply({}, status=400), None),
        (reply({}, kind="text/html"), None),
    ],
)
def test_busy(answer: Reply, expected: frozenset[str] | None) -> None:
    """Sessions that work or wait are busy."""
    assert read_busy(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply([]), Sessions(0, 1)),
        (reply([{"id": "ses_a", "time": {"created": 1}}, {"id": "ses_b"}]), Sessions(2, 1)),
        (reply([{"id": "ses_a", "time": {"archived": 1}}, {"time": 3}, 7]), Sessions(1, 1)),
        (reply([{}] * 100), Sessions(100, 1)),
        (reply([{}] * 101), Sessions(100, 1, more=True)),
        (reply({}), None),
        (reply([], status=400), None),
    ],
)
def test_sessions(answer: Reply, expected: Sessions | None) -> None:
    """Sessions are counted up to a hundred, archived ones not."""
    assert read_sessions(answer, frozenset({"ses_a"})) == expected


ODD = ["//", "//a", "/a/", "/a//b", "/a/../b", "/..", "/a/.", "/" + "ä" * 2048]


def test_is_directory() -> None:
    """A directory is an absolute path that the system could have, in any script or bytes."""
    assert all(map(is_directory, ["/", "/ä b\n", "/\udcff", "/" + "ä" * 2047]))
    assert not any(map(is_directory, ["", "a", "/\0", "/\ud800", None, 7, *ODD]))


REPLIES = st.builds(
    Reply,
    st.sampled_from([200, 400, 401, 500]),
    st.sampled_from([JSON, "text/html"]) | st.text(),
    st.text(),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from("healthy version directory worktree data message time".split())
                | st.text(),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
)


@given(REPLIES)
def test_never_raises(answer: Reply) -> None:
    """Whatever is answered, it is judged."""
    for read in (read_health, read_busy):
        read(answer)
    read_path(answer, "")
    read_sessions(answer, frozenset())
