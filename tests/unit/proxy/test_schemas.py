"""Schemas: rows fit them, and nothing that is no row does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import backend

from opencoderouter.core.hosts import Authority, Names
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Kind, Sessions, Status
from opencoderouter.proxy.schemas import SCHEMAS
from opencoderouter.proxy.view import Caller, Json, rows, to_json
from opencoderouter.registry import Registry

CALLER = Caller("http", Authority("localhost", "8080"), Names("ada"))


def fits(value: object, name: str) -> bool:
    """Tell whether a value has the shape of this name."""
    components = {"components": {"schemas": SCHEMAS}}
    schema = {"$ref": f"#/components/schemas/{name}", **components}
    return jsonschema_rs.validator_for(schema).is_valid(value)


def told(registry: Registry, *managed: Managed) -> list[Json]:
    """Return the rows as JSON."""
    found = rows(registry.table, {state.directory: state for state in managed})
    return [
        to_json(row, CALLER, lambda _: datetime(2026, 1, 1, tzinfo=UTC)) for row in found.values()
    ]


@given(
    st.sampled_from(Status),
    st.sampled_from(Kind),
    st.none() | st.builds(Sessions, st.integers(0, 101), st.integers(0, 9), st.booleans()),
    st.text(st.characters(codec="utf-8")),
)
def test_rows_fit(status: Status, kind: Kind, sessions: Sessions | None, text: str) -> None:
    """Every row of a server fits, whatever its state."""
    registry = Registry()
    registry.observe(backend("/srv/a", 7, status, kind=kind, reason=text, sessions=sessions))
    assert fits(told(registry), "Backends")


@pytest.mark.parametrize("status", [Status.STARTING, Status.FAILED, Status.STOPPED])
def test_rows_without_a_server_fit(status: Status) -> None:
    """Every row of a managed project that is down fits."""
    registry = Registry()
    registry.lease("/srv/a")
    assert [fits(row, "Backend") for row in told(registry, Managed("/srv/a", status))] == [True]


@pytest.mark.parametrize(
    "change", [{"port": 0}, {"status": "fine"}, {"kind": "x"}, {"more": 1}, {"sessions": 3}]
)
def test_others_do_not(change: dict[str, Any]) -> None:
    """A row with anything wrong or more in it does not fit."""
    registry = Registry()
    registry.observe(backend("/srv/a"))
    [row] = told(registry)
    assert not fits({**row, **change}, "Backend")
    assert not fits({key: row[key] for key in row if key != "slug"}, "Backend")


@pytest.mark.parametrize(
    ("question", "makes_sense"),
    [
        ({"path": "/x"}, True),
        ({"name": "x"}, True),
        ({"path": "", "name": "x"}, True),
        ({"path": "/x", "fallback": "name"}, True),
        ({}, False),
        ({"path": ""}, False),
        ({"name": "/srv/x"}, False),
        ({"name": "x/"}, False),
        ({"path": "/x", "name": "~/x"}, False),
        ({"path": "/x", "fallback": "slug"}, False),
        ({"fallback": "name"}, False),
    ],
)
def test_questions(question: dict[str, str], *, makes_sense: bool) -> None:
    """A question has a path or a name that is not empty; a name has no slash."""
    assert fits(question, "Question") == makes_sense
