"""What is written as rows comes back as it was, without its secrets; anything else is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.model import (
    Ask,
    Endpoint,
    Failure,
    HostState,
    Live,
    Load,
    Question,
    Report,
    Router,
    Server,
    Session,
    Via,
)
from opencoderouter.fleet.rows import reader, shape, writer

ENDPOINT = Endpoint(4096, prefix="/shop", authorization="Basic c2VjcmV0")
ASK = Ask(
    Live.QUESTION,
    "que_1",
    "ses_1",
    "Which \x1b[31mcolour?",
    (Question("Which?", "Colour", (("red", "warm"), ("blue", "")), multiple=True),),
    12.5,
    ENDPOINT,
)
REPORT = Report(
    HostState.ONLINE,
    1_700_000_000.25,
    0.5,
    mend=("ssh-keygen -R web", "ssh web"),
    via=Via.FABRIC,
    servers=(Server(4096, pid=7, directory="/srv/shop", managed=True),),
    router=Router(8080),
    sessions=(Session("ses_1", "Ä\n\udcff", "/srv/shop", cost=0.5, asks=(ASK,)), Session("ses_2")),
    load=Load(0.25, 8),
    failures=(Failure("live", "not asked"),),
)


class Word(StrEnum):
    """One of two words."""

    A = "a"
    B = "b"


@dataclass(frozen=True, slots=True)
class Thing:
    """A field of each kind."""

    text: str
    number: int
    part: float | None
    yes: bool
    word: Word | None
    pair: tuple[str, int]
    many: tuple[Word, ...] = ()
    secret: str = field(default="", repr=False)


THING = Thing("t", 1, 1.5, yes=True, word=Word.A, pair=("p", 2), many=(Word.B,), secret="hush")
ROW = ["t", 1, 1.5, True, "a", ["p", 2], ["b"]]


def through(value: Report) -> Report:
    """Return what comes back of a value that was written as text."""
    found = reader(Report)(json.loads(json.dumps(writer(Report)(value))))
    assert isinstance(found, Report)
    return found


def test_a_whole_report() -> None:
    """Everything of a report comes back, whatever its text; it is the model's own types."""
    found = through(REPORT)
    assert found == REPORT
    assert type(found.state) is HostState
    assert type(found.sessions[0].asks[0].kind) is Live


def test_no_secret_is_written() -> None:
    """What lets in at a server is not in the rows, and nothing takes its place."""
    assert "c2VjcmV0" not in json.dumps(writer(Report)(REPORT))
    endpoint = through(REPORT).sessions[0].asks[0].endpoint
    assert endpoint is not None
    assert endpoint.authorization is None
    assert endpoint.prefix == "/shop"


@given(st.builds(Report, at=st.floats(allow_nan=False), took=st.floats(allow_nan=False)))
def test_any_report(report: Report) -> None:
    """There is no report that does not come back."""
    assert through(report) == report


def test_a_row() -> None:
    """A row has the fields in order, the secret not."""
    assert json.loads(json.dumps(writer(Thing)(THING))) == ROW
    assert reader(Thing)(ROW) == replace(THING, secret="")
    assert reader(Thing)([*ROW[:2], 3, *ROW[3:]]).part == 3  # JSON need not tell 3 from 3.0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, 1),
        (0, None),
        (1, "1"),
        (1, True),
        (1, 1.0),
        (2, "1.5"),
        (2, False),
        (3, 1),
        (4, "c"),
        (5, ["p"]),
        (5, ["p", 2, 3]),
        (5, ["p", "2"]),
        (6, ["c"]),
        (6, "b"),
        (6, {"b": 1}),
        (6, None),
    ],
)
def test_other_types_are_refused(column: int, value: object) -> None:
    """A value of another type is no value, wherever it stands."""
    row = [*ROW]
    row[column] = value
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
        reader(Thing)(row)


@pytest.mark.parametrize("row", [[], ROW[:-1], [*ROW, ""], {}, "text", None, 7])
def test_other_rows_are_refused(row: object) -> None:
    """A row has exactly the fields that there are."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
        reader(Thing)(row)


def test_shape() -> None:
    """The shape tells types apart by their fields, also deep inside, and is the same each time."""

    @dataclass(frozen=True)
    class Other:
        text: str

    assert shape(Thing) == shape(Thing)
    assert len({shape(Thing), shape(Report), shape(Session), shape(Other)}) == 4
