"""Other routers: who belongs to whom, who is verified, and that nothing heard does any harm."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement, Service
from opencoderouter.core.peers import (
    MOST_ADDRESSES,
    MOST_PROJECTS,
    MOST_ROUTERS,
    Accepted,
    Heard,
    Peer,
    find,
    is_label,
    peers,
)

HERE, BRIDGE = "192.0.2.1", "172.17.0.1"  # ours, and one that many machines have
BOB, BOB6, EVIL = "192.0.2.7", "2001:db8::7", "192.0.2.66"
OWN = Announcement(
    frozenset({Service(ROUTER, "ocr-ada-here", 8080), Service(PROJECT, "shop-ada", 8080)}),
    (HERE, BRIDGE),
)
PINNED = Accepted("ocr-bob-den", (BOB, BOB6), 8080)


def router(label: str = "ocr-bob-den", *addresses: str, port: int = 8080, **txt: str) -> Heard:
    """Return a router as it is heard; bob's unless said otherwise."""
    told = {"owner": "bob", "version": "0.1.0", **txt}
    at = addresses or (BOB, BOB6)
    return Heard(ROUTER, label, f"{label}.local", port, at, tuple(told.items()))


def project(label: str = "shop-bob", *addresses: str, port: int = 8080, **txt: str) -> Heard:
    """Return a project as it is heard; bob's unless said otherwise."""
    told = {"owner": "bob", "project": "Shop", **txt}
    at = addresses or (BOB, BOB6)
    return Heard(PROJECT, label, f"{label}.local", port, at, tuple(told.items()))


def found(*heard: Heard, accepted: tuple[Accepted, ...] = (PINNED,)) -> list[tuple[str, bool, str]]:
    """Return label, whether it is verified, and the projects of each peer."""
    known = peers(heard, OWN, accepted)
    return [(p.label, p.verified, " ".join(one.label for one in p.projects)) for p in known]


def test_a_router_and_its_project() -> None:
    """All that is told is there; links are made of host and port."""
    heard = [router(), project(path="/home/bob/Shop", version="1.18.33")]
    [peer] = peers(heard, OWN, ())
    assert (peer.label, peer.host, peer.port) == ("ocr-bob-den", "ocr-bob-den.local", 8080)
    assert (peer.owner, peer.version, peer.scheme) == ("bob", "0.1.0", "http")
    assert (peer.addresses, peer.url) == ((BOB, BOB6), "http://ocr-bob-den.local:8080/")
    [shop] = peer.projects
    assert (shop.slug, shop.label, shop.name) == ("shop", "shop-bob", "Shop")
    assert (shop.host, shop.url) == ("shop-bob.local", "http://shop-bob.local:8080/")
    assert (shop.version, shop.path) == ("1.18.33", "/home/bob/Shop")


@pytest.mark.parametrize(
    ("txt", "port", "url"),
    [
        ({}, 80, "http://shop-bob.local/"),
        ({"scheme": "https"}, 443, "https://shop-bob.local/"),
        ({"scheme": "https"}, 8443, "https://shop-bob.local:8443/"),
        ({"SCHEME": "https"}, 80, "https://shop-bob.local:80/"),
        ({"scheme": "javascript"}, 8080, "http://shop-bob.local:8080/"),
        ({"url": "http://evil.test/"}, 8080, "http://shop-bob.local:8080/"),
    ],
)
def test_links(txt: dict[str, Any], port: int, url: str) -> None:
    """No link leads anywhere but to host and port, whatever is told."""
    [peer] = peers([project(port=port, **txt)], OWN, ())
    assert [one.url for one in peer.projects] == [url]


@pytest.mark.parametrize(
    "heard",
    [
        router("ocr-ada-here", EVIL),
        project("shop-ada", HERE, BRIDGE),
        project("SHOP-ADA", HERE),
        project("gone-ada", HERE),
        project("gone-ada", BRIDGE),
    ],
)
def test_own_ones_are_left_out(heard: Heard) -> None:
    """Ours by name, and what was ours a moment ago: our port at our addresses only."""
    assert found(heard) == []


@pytest.mark.parametrize(
    "heard", [project("x", BOB, BRIDGE), project("x", HERE, port=9000), project("ocr-ada-here")]
)
def test_what_is_not_ours(heard: Heard) -> None:
    """Machines have addresses of bridges in common, users of one machine all of them."""
    assert len(found(heard)) == 1


@pytest.mark.parametrize(
    ("heard", "verified"),
    [
        (router(), True),
        (router("ocr-bob-den", BOB), True),
        (router("OCR-bob-den", BOB6), True),
        (router("ocr-bob-den", EVIL), False),
        (router("ocr-bob-den", BOB, EVIL), False),
        (router("ocr-bob-den", BOB, port=8081), False),
        (router("ocr-bob-den-2", BOB), False),
    ],
)
def test_verified(heard: Heard, *, verified: bool) -> None:
    """Label, port and every address must be the ones that were accepted."""
    assert found(heard) == [(heard.label.lower(), verified, "")]


def test_nobody_is_verified_by_themselves() -> None:
    """Who is not accepted is not verified, with projects or without."""
    assert found(router(), project(), accepted=()) == [("ocr-bob-den", False, "shop-bob")]


@pytest.mark.parametrize(
    "spoofed",
    [
        project("evil-bob", BOB, EVIL),
        project("evil-bob", EVIL),
        project("evil-bob", BOB, port=9999),
    ],
)
def test_a_project_slipped_in(spoofed: Heard) -> None:
    """A project of another port, or with one address more, is not a verified router's."""
    assert found(router(), project(), spoofed) == [
        ("ocr-bob-den", True, "shop-bob"),
        ("", False, "evil-bob"),
    ]


def test_a_router_slipped_in() -> None:
    """Who announces a router at another's addresses gets none of its projects."""
    evil = router("ocr-aaa", BOB, BOB6)
    assert found(evil, router(), project()) == [
        ("ocr-bob-den", True, "shop-bob"),
        ("ocr-aaa", False, ""),
    ]


def test_more_addresses_do_not_help() -> None:
    """Who announces more of a verified router's addresses than itself gets no project either."""
    evil, honest = router("ocr-aaa", BOB, BOB6), router("ocr-bob-den", BOB)
    assert found(evil, honest, project())[0] == ("ocr-bob-den", True, "shop-bob")


def test_the_verified_come_first() -> None:
    """Before those that only have the name of one that was accepted."""
    accepted = (PINNED, Accepted("ocr-amy-den", (HERE,), 8080))
    heard = [router("ocr-amy-den", EVIL), router()]
    assert [label for label, _, _ in found(*heard, accepted=accepted)] == [
        "ocr-bob-den",
        "ocr-amy-den",
    ]


def test_the_router_that_fits_best() -> None:
    """A project is of the router with most addresses in common, else of its owner's."""
    other = router("ocr-amy-den", EVIL, BRIDGE, owner="amy")
    heard = [other, router("ocr-bob-den", BOB, BRIDGE), project("shop-bob", BOB, BRIDGE)]
    assert found(*heard, accepted=()) == [
        ("ocr-amy-den", False, ""),
        ("ocr-bob-den", False, "shop-bob"),
    ]
    same = [router("ocr-amy-den", BOB, owner="amy"), router("ocr-bob-den", BOB), project()]
    assert found(*same, accepted=()) == [
        ("ocr-amy-den", False, ""),
        ("ocr-bob-den", False, "shop-bob"),
    ]


def test_projects_without_a_router() -> None:
    """The original program announces projects only: one peer for each owner, port and place."""
    heard = [
        replace(project(slug, port=port, owner=owner), host=f"{slug}-{owner}.local.local")
        for slug, owner, port in [
            ("b", "bob", 1),
            ("a", "bob", 1),
            ("c", "amy", 1),
            ("d", "bob", 2),
        ]
    ]
    known = peers(heard, OWN, (PINNED,))
    assert [(peer.owner, peer.port) for peer in known] == [("amy", 1), ("bob", 1), ("bob", 2)]
    assert {(peer.label, peer.host, peer.url, peer.verified) for peer in known} == {
        ("", "", "", False)
    }
    assert [one.slug for one in known[1].projects] == ["a", "b"]
    assert known[1].projects[0].url == "http://a-bob.local.local:1/"


@pytest.mark.parametrize(
    "change",
    [
        *({"label": text} for text in ("", "a b", "-a", "a.b", "<b>", "a" * 64, "ocr\u212aa")),
        *({"host": text} for text in ("", "a", "evil.test", "a.local/", "a:1.local", "a.local.")),
        *(
            {"host": text}
            for text in ("\u212aa.local", "a." * 130 + "local", ".local", "u@a.local")
        ),
        *({"port": port} for port in (0, -1, 65536)),
        *({"addresses": some} for some in ((), ("evil.test",), ("192.0.2.7%eth0 x",))),
        {"addresses": tuple(f"10.0.0.{n}" for n in range(MOST_ADDRESSES + 1))},
        {"kind": "_http._tcp"},
    ],
)
def test_what_cannot_be_is_left_out(change: dict[str, Any]) -> None:
    """Labels and hosts are names, ports are ports, addresses are addresses."""
    assert peers([replace(project(), **change)], OWN, ()) == ()


@pytest.mark.parametrize(
    ("txt", "name"),
    [
        ({"project": "My Shop"}, "My Shop"),
        ({"project": "مشروع"}, "مشروع"),
        ({"project": "a\x1b]0;x\x07\u202eb"}, "a]0;xb"),
        ({"project": "../../etc"}, "shop"),
        ({"project": "\n\x00"}, "shop"),
        ({"project": "x" * 5000}, "x" * 255),
        ({"project": "x", "owner": "o'hara", "PROJECT": "y"}, "x"),
    ],
)
def test_names(txt: dict[str, Any], name: str) -> None:
    """What a folder is called is shown without what could move or hide text; else the slug is."""
    [peer] = peers([project(**txt)], OWN, ())
    assert [one.name for one in peer.projects] == [name]


@pytest.mark.parametrize("owner", ["", "Bob", "a b", "a.b", "<b>", "-", "b" * 64])
def test_owners_are_labels(owner: str) -> None:
    """Who does not tell an owner that could stand in a host name has none."""
    [peer] = peers([project(owner=owner)], OWN, ())
    assert (peer.owner, peer.projects[0].slug) == ("", "shop-bob")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("shop", ["shop-bob"]),
        ("SHOP", ["shop-bob"]),
        ("shop-bob", ["shop-bob"]),
        ("My Blog", ["b1-bob", "b2-bob"]),
        ("b1", ["b1-bob"]),
        ("evil", []),
        ("nope", []),
        ("", []),
    ],
)
def test_find(name: str, labels: list[str]) -> None:
    """A verified router's projects are found by slug, label or name; nobody else's."""
    blogs = [project(f"{slug}-bob", project="my blog") for slug in ("b1", "b2")]
    heard = [router(), project(), *blogs, router("ocr-eve", EVIL), project("evil-bob", EVIL)]
    known = peers(heard, OWN, (PINNED,))
    assert [one.label for _, one in find(known, name)] == labels
    assert [peer.label for peer, _ in find(known, "evil", verified=False)] == ["ocr-eve"]


def test_a_flood() -> None:
    """However many there are, a bounded number is told, and the accepted ones are among them."""
    routers = [router(f"a{n}", EVIL) for n in range(2 * MOST_ROUTERS)]
    projects = [project(f"p{n}", EVIL) for n in range(2 * MOST_PROJECTS)]
    alone = [project(f"q{n}", EVIL, port=n + 1) for n in range(2 * MOST_PROJECTS)]
    known = peers([*routers, *projects, *alone, router()], OWN, (PINNED,))
    assert len(known) == MOST_ROUTERS
    assert known[0].verified
    assert sum(len(peer.projects) for peer in known) <= MOST_PROJECTS
    assert len(peers(alone, OWN, ())) == MOST_ROUTERS


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("a", True), ("A-9", True), ("", False), ("a_b", False), ("a\n", False), ("\u212a", False)],
)
def test_is_label(text: str, *, is_one: bool) -> None:
    """Letters, digits and hyphens of ASCII, in whatever case."""
    assert is_label(text) == is_one


WORDS = st.sampled_from(
    ["shop-bob", "ocr-bob-den", "bob", "http", "https", "\x1b[2J", "\u202e", ""]
)
TEXT = WORDS | st.text(max_size=80)
HEARD = st.builds(
    Heard,
    st.sampled_from([PROJECT, ROUTER]) | TEXT,
    TEXT,
    st.sampled_from(["a.local", "b.local.local"]) | TEXT,
    st.sampled_from([80, 443, 8080]) | st.integers(),
    st.lists(st.sampled_from([BOB, BOB6, EVIL, HERE]) | TEXT, max_size=4).map(tuple),
    st.lists(
        st.tuples(st.sampled_from(["owner", "project", "path", "version", "scheme"]) | TEXT, TEXT),
        max_size=6,
    ).map(tuple),
)


@given(st.lists(HEARD, max_size=12))
def test_whatever_is_heard(heard: list[Heard]) -> None:
    """Nothing raises, nothing unprintable gets through, and every link has a host and a port."""
    known = peers(heard, OWN, (PINNED,))
    assert all(text.isprintable() for peer in known for text in texts(peer))
    for url in (one.url for peer in known for one in peer.projects):
        parts = urlsplit(url)
        assert parts.scheme in {"http", "https"}
        assert re.fullmatch(r"[a-z0-9.-]+\.local(:[0-9]+)?", parts.netloc)
        assert parts.path == "/"


@given(st.lists(HEARD, max_size=12))
def test_verified_is_pinned(heard: list[Heard]) -> None:
    """Whatever is heard: a verified router has the label, port and addresses that were pinned."""
    for peer in peers(heard, OWN, (PINNED,)):
        if peer.verified:
            assert (peer.label, peer.port) == (PINNED.label, PINNED.port)
            assert set(peer.addresses) <= set(PINNED.addresses)


def texts(peer: Peer) -> list[str]:
    """Return everything that is told of a peer."""
    of_projects = [
        text for p in peer.projects for text in (p.slug, p.label, p.name, p.host, p.version, p.path)
    ]
    return [peer.label, peer.host, peer.owner, peer.version, *peer.addresses, *of_projects]
