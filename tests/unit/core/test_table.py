"""Tables: who has the route, and when the version rises."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import ROUTED, Backend, Identity, Kind, Listener, Sessions, Status
from opencoderouter.core.table import Table, forget, lease, observe, relabel

DIRECTORIES = ["/srv/app", "/srv/web", "/srv/lib"]
LEASES = {directory: directory.removeprefix("/srv/") for directory in DIRECTORIES}
NAMED = lease(Table(), LEASES)


def backend(
    port: int,
    status: Status = Status.READY,
    kind: Kind = Kind.SERVE,
    directory: str = "/srv/app",
    inode: int | None = 1,
    address: str = "127.0.0.1",
) -> Backend:
    """Return a backend."""
    listener = Listener(address, port, uid=1000, inode=inode, kind=kind)
    return Backend(listener, Identity(directory, "1.18.33"), status)


def ports(table: Table, slug: str = "app") -> list[int]:
    """Return the ports of a project's backends, the route's first."""
    return [item.listener.port for item in table.projects[slug].backends]


BACKENDS = st.builds(
    backend,
    port=st.integers(1, 6),
    status=st.sampled_from([status for status in Status if status is not Status.STOPPED]),
    kind=st.sampled_from(Kind),
    directory=st.sampled_from(DIRECTORIES),
    inode=st.none() | st.integers(1, 2),
    address=st.sampled_from(["127.0.0.1", "::1"]),
)
BATCHES = st.lists(BACKENDS, max_size=4)
STEPS = st.lists(st.tuples(st.booleans(), BATCHES), max_size=10)


def run(steps: list[tuple[bool, list[Backend]]]) -> list[Table]:
    """Return the table after each step: True observes, False forgets."""
    tables = [NAMED]
    for new, batch in steps:
        last = tables[-1]
        tables.append(observe(last, batch) if new else forget(last, [b.listener for b in batch]))
    return tables


def test_empty() -> None:
    """A new table has nothing, and serves nothing."""
    table = Table()
    assert (table.version, dict(table.projects), dict(table.leases)) == (0, {}, {})
    assert list(table.backends()) == []
    assert table.serving("/srv/app") is None


def test_observe() -> None:
    """What is observed is there: by slug, by directory, in the order of slugs."""
    web, app = backend(2, directory="/srv/web"), backend(1)
    table = observe(NAMED, [web, app])
    assert list(table.projects) == ["app", "web"]
    assert list(table.backends()) == [app, web]
    assert table.serving("/srv/web") is table.projects["web"]
    assert table.serving("/srv/lib") is None
    assert table.projects["app"].directory == "/srv/app"


def test_observe_with_leases() -> None:
    """New names and who goes by them come as one change."""
    table = observe(Table(), [backend(1)], {"/srv/app": "app"})
    assert table.version == 1
    assert ports(table) == [1]


def test_observe_without_lease() -> None:
    """A directory without a name is a mistake of the caller."""
    with pytest.raises(KeyError):
        observe(Table(), [backend(1)])


def test_forget() -> None:
    """The last backend takes its project with it, and leaves the name."""
    table = forget(observe(NAMED, [backend(1), backend(2)]), [backend(1).listener])
    assert ports(table) == [2]
    table = forget(table, [backend(2).listener])
    assert "app" not in table.projects
    assert table.leases == LEASES


def test_forget_another_socket() -> None:
    """Word that a port's last listener is gone does not take the next one away."""
    table = observe(NAMED, [backend(1, inode=2)])
    assert forget(table, [backend(1, inode=1).listener]) is table


def test_directory_changes_behind_a_socket() -> None:
    """Without inodes, a port that serves another project has left the first one."""
    table = observe(NAMED, [backend(1, inode=None)])
    table = observe(table, [backend(1, inode=None, directory="/srv/web")])
    assert list(table.projects) == ["web"]


READY, BUSY, LOCKED = Status.READY, Status.BUSY, Status.LOCKED
STARTING, FAILED = Status.STARTING, Status.FAILED


@pytest.mark.parametrize(
    ("history", "order"),
    [
        # (port, status) as observed one after the other
        ([(2, READY), (1, READY)], [2, 1]),
        ([(2, READY), (1, READY), (2, BUSY)], [2, 1]),
        ([(2, LOCKED), (1, READY)], [2, 1]),
        ([(2, BUSY), (1, READY)], [2, 1]),
        ([(2, STARTING), (1, READY)], [1, 2]),
        ([(2, STARTING), (1, READY), (2, READY)], [1, 2]),
        ([(2, FAILED), (1, READY)], [1, 2]),
        ([(2, FAILED), (1, LOCKED)], [1, 2]),
        ([(2, FAILED), (1, BUSY)], [1, 2]),
        ([(2, READY), (1, STARTING)], [2, 1]),
        ([(2, READY), (1, READY), (2, FAILED)], [1, 2]),
        ([(2, READY), (1, READY), (2, FAILED), (2, READY)], [1, 2]),
        ([(2, STARTING), (1, STARTING)], [2, 1]),
        ([(2, FAILED), (1, STARTING), (1, READY)], [1, 2]),
    ],
)
def test_who_holds_the_route(history: list[tuple[int, Status]], order: list[int]) -> None:
    """The first that can take requests holds the route until it goes or fails."""
    table = NAMED
    for port, status in history:
        table = observe(table, [backend(port, status)])
    assert ports(table) == order


def test_choosing_anew() -> None:
    """Found together, `serve` goes before `web` before `acp`; of a kind, the lower port."""
    found = [
        backend(1, STARTING),
        backend(2, kind=Kind.ACP),
        backend(3, kind=Kind.TUI),
        backend(4, kind=Kind.WEB),
        backend(5, kind=Kind.OTHER),
        backend(7),
        backend(6),
    ]
    assert ports(observe(NAMED, found)) == [6, 7, 4, 3, 2, 5, 1]


def test_other_program_yields() -> None:
    """What is not OpenCode keeps no route that OpenCode can take."""
    table = observe(NAMED, [backend(1, kind=Kind.OTHER)])
    assert ports(observe(table, [backend(2, STARTING, Kind.ACP)])) == [1, 2]
    assert ports(observe(table, [backend(2, kind=Kind.ACP)])) == [2, 1]


def test_twins() -> None:
    """Two servers alike but for the address, or for the socket, have one order, too."""
    for twin in (backend(1, address="::1"), backend(1, inode=2)):
        assert observe(NAMED, [twin, backend(1)]) == observe(NAMED, [backend(1), twin])


def test_next_in_line() -> None:
    """When the holder goes, the route is chosen as if the rest had been found together."""
    table = observe(NAMED, [backend(9, kind=Kind.ACP)])
    table = observe(table, [backend(1, kind=Kind.WEB), backend(2)])
    assert ports(table) == [9, 2, 1]
    assert ports(forget(table, [backend(9).listener])) == [2, 1]


@given(st.lists(BACKENDS, max_size=4, unique_by=lambda item: item.listener.key))
def test_batch_order_does_not_matter(batch: list[Backend]) -> None:
    """What is found together makes one table, in whatever order it is found."""
    tables = [observe(NAMED, order) for order in permutations(batch)]
    assert all(table == tables[0] for table in tables)


@given(STEPS)
def test_version(steps: list[tuple[bool, list[Backend]]]) -> None:
    """The version rises by one with what a client could see, else nothing changes at all."""
    tables = run(steps)
    for before, after in pairwise(tables):
        if after is not before:
            assert after.version == before.version + 1
            assert set(after.backends()) != set(before.backends())


@given(STEPS)
def test_the_route_stays(steps: list[tuple[bool, list[Backend]]]) -> None:
    """Only who goes, fails or is not OpenCode loses it, and never to one that cannot serve."""
    tables = run(steps)
    for before, after in pairwise(tables):
        for slug, project in after.projects.items():
            able = [item for item in project.backends if item.status in ROUTED]
            assert project.route in (able or project.backends)
            if slug in before.projects:
                proven = [item for item in able if item.listener.kind is not Kind.OTHER]
                holder = before.projects[slug].route.listener.key
                assert project.route.listener.key == holder or holder not in {
                    item.listener.key for item in proven or able
                }


@given(STEPS)
def test_everyone_is_somewhere(steps: list[tuple[bool, list[Backend]]]) -> None:
    """A socket is in one place, under the name of the directory it serves."""
    for table in run(steps):
        keys = [item.listener.key for item in table.backends()]
        assert len(keys) == len(set(keys))
        for slug, project in table.projects.items():
            assert project.slug == slug == table.leases[project.directory]
            assert {item.identity.directory for item in project.backends} == {project.directory}


def test_every_fact_is_visible() -> None:
    """Status, reason, version and sessions of a backend each make a new table."""
    seen = observe(NAMED, [backend(1)])
    for change in (
        replace(backend(1), status=BUSY),
        replace(backend(1), reason="slow"),
        replace(backend(1), sessions=Sessions(3, 1)),
        replace(backend(1), identity=Identity("/srv/app", "1.19.0")),
    ):
        assert observe(seen, [change]).version == seen.version + 1


def test_lease() -> None:
    """New leases make a new table; the same ones do not."""
    assert lease(NAMED, dict(LEASES)) is NAMED
    table = lease(observe(NAMED, [backend(1)]), {**LEASES, "/srv/new": "new"})
    assert table.leases["/srv/new"] == "new"
    assert ports(table) == [1]


def test_snapshots() -> None:
    """A table does not change with what it was made from."""
    leases = dict(LEASES)
    table = lease(Table(), leases)
    leases["/srv/other"] = "other"
    assert table.leases == LEASES
    with pytest.raises(TypeError):
        table.projects["x"] = None  # type: ignore[index]


def test_relabel() -> None:
    """A slug's label is replaced, in a new version; nothing else changes."""
    first = relabel(NAMED, "app", "app-alice-box")
    second = relabel(first, "app", "app-alice-box-2")
    assert second.labels == {"app": "app-alice-box-2"}
    assert (second.version, second.leases) == (NAMED.version + 2, NAMED.leases)
