"""What is told on the network of a table."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.announcement import (
    PROJECT,
    ROUTER,
    Announcement,
    Manner,
    Service,
    Txt,
    announcement,
    labels,
)
from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Backend, Identity, Listener, Status
from opencoderouter.core.table import Table, lease, observe, relabel

NAMES = Names("alice", labels=frozenset({("ocr", "ocr-alice-box")}))
HERE = ("192.0.2.7", "2001:db8::7")


def table(directory: str = "/srv/app", slug: str = "app", status: Status = Status.READY) -> Table:
    """Return a table with one project."""
    backend = Backend(Listener("127.0.0.1", 30001), Identity(directory, "1.18.33"), status)
    return observe(lease(Table(), {directory: slug}), [backend])


def told(table: Table, txt: Txt = "full", scheme: str = "http") -> Announcement:
    """Return what a router on port 8080 tells."""
    return announcement(table, NAMES, Manner(8080, scheme, txt, "0.1.0"), HERE)


def project(of: Announcement) -> Service:
    """Return the only project."""
    (found,) = [service for service in of.services if service.kind == PROJECT]
    return found


def test_a_project_and_the_router() -> None:
    """Each has a name, the router's port, and what the original OpenCodeRouter told of it."""
    said = told(table())
    assert said.addresses == HERE
    facts = (("project", "app"), ("path", "/srv/app"), ("backend", "127.0.0.1:30001"))
    whose = (("owner", "alice"), ("version", "1.18.33"))
    app = Service(PROJECT, "app-alice", 8080, (*facts, *whose), "app")
    own = Service(ROUTER, "ocr-alice-box", 8080, (("owner", "alice"), ("version", "0.1.0")))
    assert said.services == {app, own}
    assert app.host == "app-alice.local"


def test_minimal() -> None:
    """Neither the directory nor the server's address is told."""
    facts = (("project", "app"), ("owner", "alice"), ("version", "1.18.33"))
    assert project(told(table(), "minimal")).txt == facts


def test_https_is_told() -> None:
    """Who makes a link needs the scheme."""
    for service in told(table(), scheme="https").services:
        assert service.txt[-1] == ("scheme", "https")


def test_nobody_can_connect() -> None:
    """Without an address there is nothing to tell."""
    assert announcement(table(), NAMES, Manner(1, "http", "full", "1"), ()) == Announcement()


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.STOPPED])
def test_only_what_can_be_reached(status: Status) -> None:
    """A project is told as soon as requests for it are passed on."""
    kinds = {service.kind for service in told(table(status=status)).services}
    assert (PROJECT in kinds) == (status is not Status.STARTING)


def test_another_label() -> None:
    """A project that lost its name is told under the other one."""
    lost = relabel(table(), "app", "app-alice-box")
    names = NAMES.relabeled(lost.labels)
    said = announcement(lost, names, Manner(1, "http", "full", "1"), HERE)
    assert project(said).label == "app-alice-box"


@given(st.text(min_size=1, max_size=300).filter(lambda text: "/" not in text))
def test_strings_fit(folder: str) -> None:
    """No string of a TXT record is longer than 255 octets; of a path the end is kept."""
    facts = dict(project(told(table(f"/srv/{folder}"))).txt)
    for key, value in facts.items():
        assert len(f"{key}={value}".encode()) <= 255
    shown = f"/srv/{folder}".encode("utf-8", "replace").decode()
    assert facts["path"] == shown or (
        facts["path"].startswith("…") and shown.endswith(facts["path"][1:])
    )


def test_an_undecodable_path() -> None:
    """Octets that are no UTF-8 do not stop anything."""
    assert dict(project(told(table("/srv/\udcff"))).txt)["path"] == "/srv/?"


def test_labels() -> None:
    """The usual one, then with the machine's name, then numbered."""
    first = list(islice(labels("app", "alice", "box"), 4))
    assert first == ["app-alice", "app-alice-box", "app-alice-box-2", "app-alice-box-3"]


def test_long_labels() -> None:
    """They are cut to the 63 octets of a label, and still differ."""
    some = [next(islice(labels("a" * 50 + end, "alice", "box"), 1, None)) for end in "xy"]
    assert len({*some}) == 2
    assert all(len(label) <= 63 and label.endswith("-alice-box") for label in some)


def test_labels_are_nobody_elses() -> None:
    """None of the others could be the usual one of another slug."""
    for host in ("alice", "x-alice"):
        some = list(islice(labels("app", "alice", host), 1, 4))
        assert not [label for label in some if label.endswith("-alice")]
