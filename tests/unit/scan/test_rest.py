"""Rest: quiet servers are asked less often, all others as often as the setting says."""

from __future__ import annotations

from dataclasses import replace

from tests.fakes import backend

from opencoderouter.core.model import Backend, Sessions, Status
from opencoderouter.scan.rest import Rest

QUIET = backend("/srv/app", sessions=Sessions(3, 0))


def asked(rest: Rest, server: Backend | None, checks: int, uses: object = 0) -> int:
    """Return how many of so many checks are made."""
    return sum(not rest.may_skip(server, uses) for _ in range(checks))


def test_a_quiet_server_is_left_alone() -> None:
    """Once a dozen checks have found nothing new, one of six is made."""
    rest = Rest()
    assert asked(rest, QUIET, 13) == 13
    assert [rest.may_skip(QUIET, 0) for _ in range(12)] == ([True] * 5 + [False]) * 2


def test_whatever_happens_ends_the_rest() -> None:
    """Other sessions, another status, or a request that went there: all checks are made again."""
    for server, uses in (
        (backend("/srv/app", sessions=Sessions(4, 0)), 0),
        (replace(QUIET, status=Status.BUSY), 0),
        (QUIET, 1),
    ):
        rest = Rest()
        asked(rest, QUIET, 16)
        assert rest.may_skip(QUIET, 0)
        assert asked(rest, server, 13, uses) == 13


def test_who_is_not_idle_is_always_asked() -> None:
    """At work, not ready, not telling, unknown: every check is made, as long as that lasts."""
    for server in (
        backend("/srv/app", sessions=Sessions(3, 1)),
        backend("/srv/app", sessions=None),
        backend("/srv/app", status=Status.BUSY, sessions=Sessions(3, 0)),
        backend("/srv/app", status=Status.LOCKED),
        None,
    ):
        assert asked(Rest(), server, 100) == 100
