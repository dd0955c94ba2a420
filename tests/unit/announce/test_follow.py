"""What a router tells, made of what its API says."""

from __future__ import annotations

from typing import Any

import pytest

from opencoderouter.announce.follow import Target, announced
from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement, Service

ROUTER_SAYS: dict[str, Any] = {
    "healthy": True,
    "version": "0.1.0",
    "owner": "alice",
    "scheme": "http",
    "port": 8080,
    "domain": "ocr-alice-desk.local",
    "addresses": ["192.0.2.1", "2001:db8::1"],
}
ROW: dict[str, Any] = {
    "slug": "shop",
    "project_name": "Shop",
    "project_path": "/srv/secret/shop",
    "version": "1.18.33",
    "domain": "shop-alice.local",
    "status": "ready",
    "servers": [{"port": 30000}],
}
OWN = (("owner", "alice"), ("version", "0.1.0"))
FACTS = (("project", "Shop"), ("owner", "alice"), ("version", "1.18.33"))


def test_router_and_projects() -> None:
    """It is what the router announces itself, but for paths."""
    assert announced(ROUTER_SAYS, [ROW]) == Announcement(
        frozenset(
            {
                Service(ROUTER, "ocr-alice-desk", 8080, OWN),
                Service(PROJECT, "shop-alice", 8080, FACTS, "shop"),
            }
        ),
        ("192.0.2.1", "2001:db8::1"),
    )


def test_https_is_told() -> None:
    """Clients cannot guess it."""
    services = announced({**ROUTER_SAYS, "scheme": "https"}, [ROW]).services
    assert {service.txt[-1] for service in services} == {("scheme", "https")}


@pytest.mark.parametrize("change", [{"servers": []}, {"status": "starting"}])
def test_projects_that_do_not_serve(change: dict[str, object]) -> None:
    """Their names are not told."""
    kinds = [service.kind for service in announced(ROUTER_SAYS, [{**ROW, **change}]).services]
    assert kinds == [ROUTER]


def test_a_router_for_this_machine_only() -> None:
    """Without an address there is nothing to tell."""
    assert announced({**ROUTER_SAYS, "addresses": []}, [ROW]) == Announcement()


@pytest.mark.parametrize(
    "change",
    [
        {"addresses": ["fe80::1%eth0.evil"]},
        {"addresses": "192.0.2.1"},
        {"addresses": None},
        {"port": 0},
        {"port": 65536},
        {"port": None},
        {"domain": "desk.example.com"},
        {"domain": "a.b.local"},
        {"domain": f"{'x' * 64}.local"},
        {"domain": "Desk.local"},
    ],
)
def test_nonsense_of_a_router(change: dict[str, object]) -> None:
    """What no router says is refused."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        announced({**ROUTER_SAYS, **change}, [])


@pytest.mark.parametrize("change", [{"domain": "..local"}, {"domain": "a_b.local"}])
def test_nonsense_of_a_row(change: dict[str, object]) -> None:
    """A name that is none is not told."""
    with pytest.raises(ValueError, match="local"):
        announced(ROUTER_SAYS, [{**ROW, **change}])


def test_no_secret_is_shown() -> None:
    """A secret is in no text that is made of a target."""
    assert "horse" not in repr(Target("http://desk:8080", "correct-horse"))
