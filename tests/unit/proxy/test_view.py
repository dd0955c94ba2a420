"""Rows: what a project looks like to each caller."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.fakes import backend

from opencoderouter.core.hosts import Names, parse_authority
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Kind, Sessions, Status
from opencoderouter.proxy.view import Caller, Row, rfc3339, rows, to_json
from opencoderouter.registry import Registry

SEEN = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def caller(host: str, scheme: str = "http") -> Caller:
    """Return who came by ``host``."""
    authority = parse_authority(host)
    assert authority is not None
    return Caller(scheme, authority, Names("ada", frozenset({"devbox"})))


def made(*backends: Backend, managed: tuple[Managed, ...] = ()) -> dict[str, Row]:
    """Return the rows of these."""
    registry = Registry()
    registry.lease(*(state.directory for state in managed))
    registry.observe(*backends)
    return rows(registry.table, {state.directory: state for state in managed})


def test_whole_row() -> None:
    """A row tells all there is to know, with the seed's fields under their old names."""
    sessions = Sessions(101, 2, more=True)
    row = made(backend("/srv/My App", 30007, sessions=sessions))["my-app"]
    assert to_json(row, caller("localhost:8080"), lambda _: SEEN) == {
        "slug": "my-app",
        "project_name": "My App",
        "project_path": "/srv/My App",
        "port": 30007,
        "version": "1.18.33",
        "domain": "my-app-ada.local",
        "path_prefix": "/my-app/",
        "url": "http://localhost:8080/my-app/",
        "host_url": "http://my-app.localhost:8080/",
        "last_seen": "2026-01-02T03:04:05.678Z",
        "status": "ready",
        "reason": "",
        "kind": "serve",
        "pid": 30007,
        "managed": False,
        "sessions": {"total": 101, "busy": 2, "more": True},
        "servers": [
            {"port": 30007, "pid": 30007, "kind": "serve", "status": "ready", "version": "1.18.33"}
        ],
    }


@pytest.mark.parametrize(
    ("host", "url", "host_url"),
    [
        ("localhost:8080", "http://localhost:8080/app/", "http://app.localhost:8080/"),
        ("127.0.0.1:9", "http://127.0.0.1:9/app/", "http://app.localhost:9/"),
        ("127.8.8.8", "http://127.8.8.8/app/", "http://app.localhost/"),
        ("[::1]:8080", "http://[::1]:8080/app/", "http://app.localhost:8080/"),
        ("devbox:8080", "http://devbox:8080/app/", "http://app-ada.local:8080/"),
        ("DevBox.", "http://devbox/app/", "http://app-ada.local/"),
        ("192.0.2.7:80", "http://192.0.2.7:80/app/", "http://app-ada.local:80/"),
        ("[2001:db8::1]", "http://[2001:db8::1]/app/", "http://app-ada.local/"),
    ],
)
def test_links_fit_the_caller(host: str, url: str, host_url: str) -> None:
    """Links lead back the way the caller came, with its port."""
    assert caller(host).by_path("app") == url
    assert caller(host).by_host("app") == host_url


def test_links_keep_the_scheme() -> None:
    """Who came by https stays there."""
    assert caller("localhost", "https").by_host("app") == "https://app.localhost/"


def test_several_servers_of_a_directory() -> None:
    """One row a directory; its first server is the one that requests go to."""
    web = backend("/srv/app", 30001, Status.BUSY, kind=Kind.WEB)
    serve = backend("/srv/app", 30002, Status.READY, sessions=Sessions(3, 1))
    [row] = made(web, serve).values()
    assert [(s.port, s.kind, s.status) for s in row.servers] == [
        (30002, Kind.SERVE, Status.READY),
        (30001, Kind.WEB, Status.BUSY),
    ]
    assert (row.status, row.pid, row.sessions) == (Status.READY, 30002, Sessions(3, 1))


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.STARTING, "starting"),
        (Status.READY, "starting"),
        (Status.FAILED, "failed"),
        (Status.STOPPED, "stopped"),
    ],
)
def test_managed_without_a_server(status: Status, shown: str) -> None:
    """A managed project is a row while it is down; a server nobody has found yet is starting."""
    [row] = made(managed=(Managed("/srv/app", status, pid=7, reason="why"),)).values()
    told = to_json(row, caller("localhost"), lambda _: SEEN)
    assert told["status"] == shown
    down = ("port", "version", "kind", "sessions", "last_seen", "servers")
    assert [told[key] for key in down] == [None, None, None, None, None, []]
    assert [told[key] for key in ("managed", "pid", "reason", "project_name")] == [
        *(True, 7, "why", "app")
    ]


def test_managed_and_served() -> None:
    """What a server answers counts more than what its launcher thinks."""
    managed = Managed("/srv/app", Status.STARTING, pid=30000)
    [row] = made(backend("/srv/app"), managed=(managed,)).values()
    assert (row.managed, row.status, row.pid) == (True, Status.READY, 30000)


def test_managed_but_served_by_somebody_else() -> None:
    """What the router left to a server that was there before, it cannot stop."""
    managed = Managed("/srv/app", Status.STOPPED, reason="process 7 serves it")
    [row] = made(backend("/srv/app"), managed=(managed,)).values()
    assert (row.managed, row.status) == (False, Status.READY)


@pytest.mark.parametrize(
    ("pid", "kind", "managed"),
    [
        (7, Kind.SERVE, True),
        (8, Kind.SERVE, False),
        (None, Kind.OTHER, False),
        (8, Kind.ACP, True),
    ],
)
def test_managed_beside_another(pid: int | None, kind: Kind, *, managed: bool) -> None:
    """Another router's server is not managed here, though this one's is being started."""
    state = Managed("/srv/app", Status.STARTING, pid=7, port=30001)
    other = backend("/srv/app", 30002, kind=kind)
    other = replace(other, listener=replace(other.listener, pid=pid))
    [row] = made(other, managed=(state,)).values()
    assert row.managed is managed
    own = backend("/srv/app", 30001)
    own = replace(own, listener=replace(own.listener, pid=None))
    [row] = made(other, own, managed=(state,)).values()
    assert row.managed


def test_managed_and_just_stopped() -> None:
    """A server that was stopped stays the router's while its socket is still listed."""
    [row] = made(backend("/srv/app"), managed=(Managed("/srv/app", Status.STOPPED),)).values()
    assert row.managed


def test_managed_without_a_name() -> None:
    """A directory that has no name yet has no row yet."""
    assert rows(Registry().table, {"/srv/app": Managed("/srv/app", Status.STARTING)}) == {}


def test_sorted() -> None:
    """Rows stand in the order of their slugs, down or not."""
    managed = (Managed("/srv/m", Status.STOPPED),)
    assert list(made(backend("/srv/z"), backend("/srv/a", 1), managed=managed)) == ["a", "m", "z"]


def test_what_makes_no_difference() -> None:
    """Rows differ by what can be seen of them, not by the socket behind them."""
    one = backend("/srv/app")
    other = replace(one, listener=replace(one.listener, inode=1, address="::1"))
    assert made(one) == made(other)
    assert made(one) != made(replace(one, sessions=Sessions(1, 0)))
    assert made(one) != made(replace(one, identity=Identity("/srv/app", "1.18.34")))


def test_names_that_are_no_text() -> None:
    """A folder name that is not UTF-8 becomes JSON all the same."""
    [row] = made(backend("/srv/a\udcff<b>")).values()
    text = json.dumps(to_json(row, caller("localhost"), lambda _: SEEN))
    assert json.loads(text)["project_name"] == "a\udcff<b>"


def test_time() -> None:
    """Times are UTC with milliseconds, wherever they were taken."""
    there = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(there) == "2026-01-02T03:04:05.000Z"


def test_another_label() -> None:
    """The domain is the name on the network of now, and its change is one of the row."""
    registry = Registry()
    registry.observe(backend("/srv/app", 1))
    before = rows(registry.table, {})["app"]
    registry.relabel("app", "app-ada-box")
    after = rows(registry.table, {})["app"]
    assert before != after
    whom = caller("devbox")
    named = replace(whom, names=whom.names.relabeled(registry.table.labels))
    assert to_json(before, whom, lambda _: SEEN)["domain"] == "app-ada.local"
    assert to_json(after, named, lambda _: SEEN)["domain"] == "app-ada-box.local"
    assert to_json(after, named, lambda _: SEEN)["host_url"] == "http://app-ada-box.local/"
