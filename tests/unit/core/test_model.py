"""What exists: the few things its types know about themselves."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from opencoderouter.core.model import (
    PREFERENCE,
    ROUTED,
    Backend,
    Identity,
    Kind,
    Listener,
    Project,
    Sessions,
    Status,
)

LISTENER = Listener("127.0.0.1", 4096, uid=1000, inode=7, pid=42, kind=Kind.SERVE)
BACKEND = Backend(LISTENER, Identity("/srv/app", "1.18.33"), Status.READY)


@pytest.mark.parametrize(
    ("address", "target", "authority"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:4096"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1:4096"),
        ("::", "::1", "[::1]:4096"),
        ("::1", "::1", "[::1]:4096"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7:4096"),
        ("2001:db8::1", "2001:db8::1", "[2001:db8::1]:4096"),
    ],
)
def test_where_to_connect(address: str, target: str, authority: str) -> None:
    """A wildcard bind is reached by loopback; IPv6 stands in brackets."""
    listener = Listener(address, 4096)
    assert (listener.target, listener.authority) == (target, authority)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(LISTENER, pid=None, uid=None, kind=Kind.OTHER), True),
        (replace(LISTENER, inode=8), False),
        (replace(LISTENER, port=4097), False),
        (replace(LISTENER, address="::1"), False),
    ],
)
def test_key(other: Listener, same: bool) -> None:  # noqa: FBT001 (a column of the table)
    """A socket is the same while address, port and inode are, whatever is learned of it."""
    assert (other.key == LISTENER.key) is same


@pytest.mark.parametrize(
    ("directory", "name"),
    [("/srv/My App", "My App"), ("/srv/app/", "app"), ("/", "/"), ("app", "app")],
)
def test_project_name(directory: str, name: str) -> None:
    """A project is called as the user called its folder."""
    assert Project("app", directory, (BACKEND,)).name == name


def test_route() -> None:
    """The first backend has the route."""
    other = replace(BACKEND, listener=replace(LISTENER, port=4097))
    assert Project("app", "/srv/app", (other, BACKEND)).route is other


def test_preference() -> None:
    """Every kind has its place, `serve` before `web` before `acp`; last what is not OpenCode."""
    assert PREFERENCE.keys() == set(Kind)
    assert (
        PREFERENCE[Kind.SERVE]
        < PREFERENCE[Kind.WEB]
        < PREFERENCE[Kind.ACP]
        < PREFERENCE[Kind.OTHER]
    )


def test_routed() -> None:
    """What still starts, does not load or was stopped cannot take requests."""
    assert set(Status) - ROUTED == {Status.STARTING, Status.FAILED, Status.STOPPED}


def test_words() -> None:
    """Status and kind are the words of API and log."""
    assert f"{Status.READY} {Kind.SERVE}" == "ready serve"


@pytest.mark.parametrize("item", [LISTENER, BACKEND, BACKEND.identity, Sessions(3, 1)])
def test_frozen(item: Listener | Backend | Identity | Sessions) -> None:
    """Nobody changes what a table holds."""
    with pytest.raises(FrozenInstanceError):
        setattr(item, fields(item)[0].name, None)
