"""What the router says no with."""

from __future__ import annotations

import pytest
from tests.fakes import backend

from opencoderouter.core import refusals
from opencoderouter.core import table as tables
from opencoderouter.core.hosts import Authority
from opencoderouter.core.table import Table

TABLE = tables.observe(
    tables.lease(Table(), {"/home/a/shop": "shop", "/home/a/gone": "gone"}),
    [backend("/home/a/shop", 30001)],
)


@pytest.mark.parametrize(
    ("slug", "status", "error"),
    [("gone", 503, "project_down"), ("nope", 404, "unknown_project"), ("", 404, "unknown_project")],
)
def test_absent(slug: str, status: int, error: str) -> None:
    """A project that was here is down; others never were."""
    refused = refusals.absent(slug, TABLE)
    assert (refused.status, refused.error) == (status, error)
    assert repr(slug) in refused.detail
    assert "/home" not in refused.detail + refused.hint


@pytest.mark.parametrize(
    ("reason", "detail", "hint"),
    [
        ("", "is starting.", "moment"),
        ("no such host", "is not reached: no such host.", "--backend"),
    ],
)
def test_starting(reason: str, detail: str, hint: str) -> None:
    """A server that has not answered yet may do so soon; of one that is not reached: why."""
    refused = refusals.starting("shop", reason)
    assert (refused.status, refused.error) == (503, "project_down")
    assert refused.detail.endswith(detail)
    assert hint in refused.hint


def test_misdirected() -> None:
    """The name is quoted, and what to do about it is said; no name of ours is told."""
    refused = refusals.misdirected(Authority("evil.org", "80"))
    assert (refused.status, refused.error) == (421, "unknown_host")
    assert "'evil.org'" in refused.detail
    assert "--allow-host" in refused.hint


def test_forbidden() -> None:
    """What a token does not lead to is said in the words of whoever decided it."""
    refused = refusals.forbidden("Not there.")
    assert (refused.status, refused.error, refused.detail) == (403, "forbidden", "Not there.")
    assert "ocr-router token create" in refused.hint


@pytest.mark.parametrize(("seconds", "wait"), [(0.01, 1), (1.0, 1), (1.2, 2), (60.0, 60)])
def test_held(seconds: float, wait: int) -> None:
    """Who has failed too often hears when to come back, in whole seconds, never too soon."""
    refused = refusals.held(seconds)
    assert (refused.status, refused.error, refused.wait) == (429, "too_many_failures", wait)
    assert f"{wait} s" in refused.hint


@pytest.mark.parametrize(("refused", "status"), [(refusals.BAD, 400), (refusals.FOREIGN, 403)])
def test_the_same_for_all(refused: refusals.Refuse, status: int) -> None:
    """Nothing that was asked for, and nothing of ours, is in it."""
    assert refused.status == status
    assert not refused.wait
