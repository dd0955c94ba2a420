"""The registry: names and tables, published once for each change."""

from __future__ import annotations

from collections.abc import Mapping

from anyascii import anyascii

from opencoderouter.core.model import Backend, Identity, Listener, Status
from opencoderouter.registry import Registry


def backend(directory: str, port: int = 1, status: Status = Status.READY) -> Backend:
    """Return a backend that serves a directory."""
    listener = Listener("127.0.0.1", port, inode=port)
    return Backend(listener, Identity(directory, "1.18.33"), status)


def test_first_table() -> None:
    """A registry starts with the names of earlier runs, and nobody there."""
    registry = Registry({"/srv/app": "old-name"})
    assert registry.table.version == 0
    assert registry.table.leases == {"/srv/app": "old-name"}
    assert not registry.table.projects


def test_observe_and_forget() -> None:
    """A backend appears under a new name, and leaves with its listener."""
    registry = Registry()
    registry.observe(backend("/srv/app"))
    assert registry.table.projects["app"].route == backend("/srv/app")
    registry.forget(backend("/srv/app").listener)
    assert not registry.table.projects


def test_old_names_are_kept() -> None:
    """A directory goes by the name of earlier runs."""
    registry = Registry({"/srv/app": "old-name"})
    registry.observe(backend("/srv/app"))
    assert list(registry.table.projects) == ["old-name"]


def test_name_does_not_move() -> None:
    """While its owner is away, a name waits; the newcomer gets another, and keeps that."""
    registry = Registry()
    registry.observe(backend("/srv/one/app", 1))
    registry.forget(backend("/srv/one/app", 1).listener)
    registry.observe(backend("/srv/app", 2))
    assert list(registry.table.projects) == ["srv-app"]
    registry.observe(backend("/srv/one/app", 3))
    assert {p.slug: p.directory for p in registry.table.projects.values()} == {
        "app": "/srv/one/app",
        "srv-app": "/srv/app",
    }


def test_batch_order_does_not_matter() -> None:
    """Servers found together get the same names in whatever order."""
    batch = [backend("/srv/b/app", 1), backend("/srv/a/app", 2), backend("/app", 3)]
    tables = []
    for order in (batch, batch[::-1]):
        registry = Registry()
        registry.observe(*order)
        tables.append(registry.table)
    assert tables[0] == tables[1]
    assert tables[0].leases == {"/app": "app", "/srv/a/app": "a-app", "/srv/b/app": "b-app"}


def test_names_fit() -> None:
    """Names are spelled in ASCII and no longer than there is room."""
    registry = Registry(limit=12, ascii_=anyascii)
    registry.lease("/srv/проект", "/srv/a-very-long-name")
    assert registry.table.leases["/srv/проект"] == "proekt"
    assert len(registry.table.leases["/srv/a-very-long-name"]) <= 12


def test_saved_when_added() -> None:
    """All leases are handed on when there is a new one, and only then."""
    saved: list[Mapping[str, str]] = []
    registry = Registry({"/srv/old": "old"}, save=saved.append)
    registry.lease("/srv/old")
    registry.observe(backend("/srv/app"))
    registry.observe(backend("/srv/app", status=Status.BUSY))
    registry.forget(backend("/srv/app").listener)
    assert saved == [{"/srv/old": "old", "/srv/app": "app"}]


def test_saved_before_published() -> None:
    """A name that anybody can see is one that outlives the router."""
    versions: list[int] = []
    registry = Registry(save=lambda _: versions.append(registry.table.version))
    registry.lease("/srv/app")
    assert versions == [0]


async def test_one_change_one_table() -> None:
    """New names and who goes by them are one table; what changes nothing is none."""
    registry = Registry()
    follower = registry.follow()
    assert (await anext(follower)).version == 0
    registry.observe(backend("/srv/app", 1), backend("/srv/web", 2))
    table = await anext(follower)
    assert (table.version, list(table.projects)) == (1, ["app", "web"])
    registry.observe(backend("/srv/app", 1))
    registry.lease("/srv/app")
    registry.forget(backend("/srv/lib", 3).listener)
    assert registry.table is table


def test_a_named_server() -> None:
    """Whatever directory it serves, it has the reserved name; no local directory gets that."""
    saved: list[Mapping[str, str]] = []
    registry = Registry({"http://box:1": "shop"}, save=saved.append)
    registry.observe(backend("/srv/shop", 2))
    assert list(registry.table.projects) == ["srv-shop"]
    for directory in ("http://box:1/srv/shop", "http://box:1/srv/other"):
        registry.observe_as("shop", backend(directory, 3))
        assert registry.table.projects["shop"].directory == directory
        assert registry.table.projects["srv-shop"].directory == "/srv/shop"
    registry.forget(backend("", 3).listener)
    assert list(registry.table.projects) == ["srv-shop"]
    registry.observe(backend("/shop", 4))
    assert "shop" not in registry.table.projects
    assert all(path.startswith("/") for leases in saved for path in leases)
    assert saved[-1].keys() == {"/srv/shop", "/shop"}


def test_relabel() -> None:
    """Another host label is another table; it stays while backends come and go."""
    registry = Registry(labels={"web": "web-alice-box"})
    registry.relabel("app", "app-alice-box")
    assert registry.table.version == 1
    registry.observe(backend("/srv/app"))
    registry.forget(backend("/srv/app").listener)
    assert registry.table.labels == {"web": "web-alice-box", "app": "app-alice-box"}
