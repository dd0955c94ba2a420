"""Host headers: what is one, and whose name it is."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.hosts import (
    Authority,
    Names,
    OfProject,
    Own,
    Unknown,
    classify,
    is_literal,
    parse_authority,
)

NAMES = Names("alice", frozenset({"box", "box.example.org", "box.local"}))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", ""),
        ("localhost:8080", "localhost", "8080"),
        ("localhost:", "localhost", ""),
        ("LocalHost.:80", "localhost", "80"),
        ("localhost:0080", "localhost", "80"),
        ("localhost:65535", "localhost", "65535"),
        ("127.0.0.1:1", "127.0.0.1", "1"),
        ("[::1]:8080", "::1", "8080"),
        ("[2001:DB8::1]", "2001:db8::1", ""),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1", ""),
        ("My_Box-1.local", "my_box-1.local", ""),
    ],
)
def test_parse(text: str, host: str, port: str) -> None:
    """A name or an address, in one spelling, and a port."""
    assert parse_authority(text) == Authority(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *["", ":", ":80", ".", " localhost", "localhost ", "local host", "localhost:abc"],
        *["localhost:-1", "localhost:+1", "localhost:65536", "localhost:123456", "a:1:2"],
        *["user@localhost", "user:pw@localhost", "@localhost", "localhost/", "localhost/x"],
        *["localhost?x", "localhost#x", "http://localhost", "a,b", "a\tb", "a\nb", "a\0b"],
        *["::1", "[::1", "::1]", "[]", "[bad]", "[127.0.0.1]", "[::1]x", "[::1%25eth0]", "[v1.a]"],
        *["a" * 262, "a" * 256 + ":65535", "[" + "0" * 256 + "::1]"],
        *["löcalhost", "\u212aocalhost", "localhost:\u0661", "a%62c", "\udcff"],
    ],
)
def test_parse_refuses(text: str) -> None:
    """Anything that browsers, proxies and servers could read differently is no Host."""
    assert parse_authority(text) is None


def test_parse_the_longest() -> None:
    """As long as a name can be in the DNS, with a port."""
    assert parse_authority("a" * 255 + ":65535") == Authority("a" * 255, "65535")


def test_what_is_refused_for_its_length_is_forgotten() -> None:
    """Nobody fills the memory with names that are none."""
    tracemalloc.start()
    try:
        for number in range(100):
            assert parse_authority(f"{number}" + "a" * 60_000) is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * 60_000


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        *[("127.0.0.1", True), ("::1", True), ("::ffff:10.0.0.1", True), ("0.0.0.0", True)],
        *[("localhost", False), ("1", False), ("0x7f.1", False), ("127.1", False)],
        *[("127.0.0.01", False), ("1.2.3.4.5", False), ("[::1]", False), ("", False)],
    ],
)
def test_is_literal(host: str, literal: bool) -> None:  # noqa: FBT001
    """Only the one spelling of an address is one."""
    assert is_literal(host) is literal


@pytest.mark.parametrize(
    ("host", "meaning"),
    [
        ("localhost", Own()),
        ("box", Own()),
        ("box.example.org", Own()),
        ("box.local", Own()),
        ("127.0.0.1", Own(literal=True)),
        ("192.0.2.7", Own(literal=True)),
        ("::1", Own(literal=True)),
        ("myproject-alice.local", OfProject(("myproject",))),
        ("my-project-alice.local", OfProject(("my-project",))),
        ("alice-alice.local", OfProject(("alice",))),
        ("-alice-alice.local", OfProject(("-alice",))),
        ("myproject.localhost", OfProject(("myproject",))),
        ("myproject-alice.localhost", OfProject(("myproject-alice", "myproject"))),
        ("-alice.localhost", OfProject(("-alice",))),
        ("a.b.localhost", OfProject(("a.b",))),
        ("myproject-bob.local", Unknown()),
        ("myproject.local", Unknown()),
        ("-alice.local", Unknown()),
        ("alice.local", Unknown()),
        (".local", Unknown()),
        ("x.myproject-alice.local", Unknown()),
        ("myproject-alice.local.evil.org", Unknown()),
        ("myproject-alice.example.org", Unknown()),
        ("notlocalhost", Unknown()),
        ("localhost.evil.org", Unknown()),
        ("evil.org", Unknown()),
        ("2130706433", Unknown()),
        *[(host, Unknown()) for host in ("0.0.0.0", "::", "0:0::0", "::ffff:0:0", "::0.0.0.0")],
    ],
)
def test_classify(host: str, meaning: Own | OfProject | Unknown) -> None:
    """The router's own names, a project's names, and those that only DNS rebinding brings here."""
    assert classify(host, NAMES) == meaning


def test_the_machine_keeps_its_name() -> None:
    """A machine that is called like a project is still the machine."""
    assert classify("x-alice.local", Names("alice", frozenset({"x-alice.local"}))) == Own()


@pytest.mark.parametrize(("port", "suffix"), [("", ""), ("8080", ":8080")])
def test_suffix(port: str, suffix: str) -> None:
    """A port that was not named is not named again."""
    assert Authority("localhost", port).suffix == suffix


@given(st.text())
def test_parse_never_raises(text: str) -> None:
    """Whatever the header, there is an answer, and it is in one spelling."""
    found = parse_authority(text)
    if found is not None:
        assert found.host == found.host.lower()
        assert parse_authority(f"{found.host.rstrip('.')}x") is not None or ":" in found.host
        assert isinstance(classify(found.host, NAMES), Own | OfProject | Unknown)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
def test_a_slug_is_found_by_its_names(slug: str) -> None:
    """The name that is announced for a slug leads to that slug."""
    assert classify(NAMES.local(slug), NAMES) == OfProject((slug,))
    by_localhost = classify(f"{slug}.localhost", NAMES)
    assert isinstance(by_localhost, OfProject)
    assert by_localhost.slugs[0] == slug


SITES = Names(
    "alice", frozenset({"box.example.org", "dev.example.org"}), frozenset({"dev.example.org", "x"})
)


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("shop.dev.example.org", OfProject(("shop",))),
        ("shop-alice.dev.example.org", OfProject(("shop-alice",))),
        ("shop.x", OfProject(("shop",))),
        ("dev.example.org", Own()),
        ("box.example.org", Own()),
        *[(host, Unknown()) for host in ("a.shop.dev.example.org", ".dev.example.org", "x", ".x")],
        *[(host, Unknown()) for host in ("shop.example.org", "shopdev.example.org", "evil.org")],
        *[(host, Unknown()) for host in ("shop.dev.example.org.evil.org", "shop..dev.example.org")],
    ],
)
def test_projects_below_a_domain(host: str, where: Own | OfProject | Unknown) -> None:
    """One label below a domain that the router was told about is a project; no more, no less."""
    assert classify(host, SITES) == where
    assert isinstance(classify("shop.dev.example.org", NAMES), Unknown)


def test_own_names_come_before_domains() -> None:
    """No project takes a name of the router's own."""
    names = Names("alice", frozenset({"box.x"}), frozenset({"x", "localhost", "local"}))
    assert classify("box.x", names) == Own()
    assert classify("localhost", names) == Own()
    assert classify("shop-alice.local", names) == OfProject(("shop",))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "two.localhost"),
        ("dev.example", "two.dev.example"),
        ("box", "two-alice.local"),
        ("192.0.2.1", "two-alice.local"),
    ],
)
def test_names_of_projects(host: str, name: str) -> None:
    """Whoever has come by a name is sent to one that the same resolver knows."""
    names = Names("alice", frozenset({"box", "dev.example"}), frozenset({"dev.example"}))
    assert names.beside("two", host) == name


RENAMED = Names(
    "alice", frozenset({"box"}), labels=frozenset({("ocr", "ocr-alice-box")}), zone="dev.test"
).relabeled({"shop": "shop-alice-box"})


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("shop-alice-box.local", OfProject(("shop",))),
        ("shop-alice.local", OfProject(("shop",))),  # who has come here means it
        ("shop-alice-box.dev.test", OfProject(("shop",))),
        ("web-alice.dev.test", OfProject(("web",))),
        ("ocr-alice-box.local", Own()),
        ("ocr-alice-box.dev.test", Own()),
        ("web-alice-box.local", Unknown()),
        ("shop-alice-box.localhost.local", Unknown()),
        ("shop-alice-box.other.test", Unknown()),
        ("shop-alice-box", Unknown()),
        ("dev.test", Unknown()),
    ],
)
def test_announced_names(host: str, where: Own | OfProject | Unknown) -> None:
    """A project is found under the label that it has on the network, in both zones."""
    assert classify(host, RENAMED) == where


def test_links_to_announced_names() -> None:
    """They lead to the label, in the zone that the client's resolver knows."""
    assert RENAMED.local("shop") == "shop-alice-box.local"
    assert RENAMED.local("web") == "web-alice.local"
    assert RENAMED.beside("shop", "box") == "shop-alice-box.local"
    assert RENAMED.beside("shop", "ocr-alice-box.dev.test") == "shop-alice-box.dev.test"


def test_a_new_label_replaces_the_old() -> None:
    """A project has one label at a time."""
    again = RENAMED.relabeled({"shop": "shop-alice-box-2"})
    assert again.local("shop") == "shop-alice-box-2.local"
    assert classify("shop-alice-box.local", again) == Unknown()
    assert RENAMED.relabeled({}) is RENAMED
