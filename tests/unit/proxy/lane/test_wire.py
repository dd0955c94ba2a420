"""Our own answers as bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from opencoderouter.proxy.answers import Answer
from opencoderouter.proxy.lane.request import Request
from opencoderouter.proxy.lane.wire import encoded

NEW = Request("GET", "/", (), length=0, keep=True, old=False)
OLD = replace(NEW, old=True)
ANSWER = Answer(404, (("X", "é"), ("Content-Type", "a/b")), b"not here")


@pytest.mark.parametrize(
    ("request_", "last", "connection"),
    [
        (NEW, False, []),
        (NEW, True, ["Connection: close"]),
        (OLD, False, ["Connection: keep-alive"]),
        (OLD, True, ["Connection: close"]),
        (None, True, ["Connection: close"]),
    ],
)
def test_whole(request_: Request | None, last: bool, connection: list[str]) -> None:  # noqa: FBT001
    """Only what differs from the custom of the client's version is said of the connection."""
    head, _, body = encoded(ANSWER, request_, last=last).partition(b"\r\n\r\n")
    assert body == b"not here"
    start, *fields = head.decode().split("\r\n")
    assert start == "HTTP/1.1 404 Not Found"
    assert fields.pop(3).startswith("Date: ")
    assert fields == ["X: é", "Content-Type: a/b", "Content-Length: 8", *connection]


def test_date() -> None:
    """The date is one, as HTTP wants it."""
    found = re.search(rb"\r\nDate: (.*? GMT)\r\n", encoded(ANSWER, NEW, last=False))
    assert found is not None
    assert parsedate_to_datetime(found[1].decode()).tzinfo is not None


def test_head() -> None:
    """HEAD gets the same head, and no body."""
    asked = encoded(ANSWER, replace(NEW, method="HEAD"), last=False)
    assert asked.endswith(b"\r\n\r\n")
    assert b"Content-Length: 8\r\n" in asked
