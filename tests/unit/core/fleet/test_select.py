"""Which hosts are shown, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.model import HostSpec
from opencoderouter.core.fleet.preferences import Hosts, Override
from opencoderouter.core.fleet.select import alias_refusal, refusal, select

PLAIN = Hosts(ignore=(), groups={}, local=False)


def names(hosts: tuple[HostSpec, ...]) -> list[str]:
    """Return the aliases."""
    return [host.alias for host in hosts]


def test_defaults() -> None:
    """All of the configuration but the backups, in its order, after this machine; in groups."""
    found = select(("web", "backup-1", "prod-db", "dev-x"), (), Hosts())
    assert [(host.alias, host.group, host.local) for host in found] == [
        ("localhost", "", True),
        ("web", "", False),
        ("prod-db", "production", False),
        ("dev-x", "development", False),
    ]


@pytest.mark.parametrize(
    ("include", "ignore", "expected"),
    [
        (("*",), (), ["Web1", "web2", "db"]),
        (("web*",), (), ["web2"]),
        (("[Ww]eb?",), (), ["Web1", "web2"]),
        (("web*", "db"), ("web2",), ["db"]),
        ((), (), []),
        (("*",), ("*",), []),
    ],
)
def test_include_and_ignore(
    include: tuple[str, ...], ignore: tuple[str, ...], expected: list[str]
) -> None:
    """Globs of aliases, with case; ignoring wins."""
    hosts = Hosts(include=include, ignore=ignore, groups={}, local=False)
    assert names(select(("Web1", "web2", "db"), (), hosts)) == expected


def test_first_group_wins() -> None:
    """A host that several groups match is in the first of the file."""
    hosts = Hosts(groups={"b": ("x-*", "web"), "a": ("web",), "c": ("*",)}, local=False)
    found = select(("web", "x-1", "Web"), (), hosts)
    assert [host.group for host in found] == ["b", "b", "c"]


def test_overrides() -> None:
    """What is special about a host is taken over; the lowest priority comes first, none last."""
    one = Override(label="API", priority=2, opencode_path="/opt/oc", scan_paths=("~/a",))
    hosts = Hosts(overrides={"c": one, "d": Override(priority=-1)}, groups={}, local=False)
    found = select(("a", "b", "c", "d"), (), hosts)
    assert names(found) == ["d", "c", "a", "b"]
    spec = HostSpec("c", "API", priority=2, opencode_path="/opt/oc", scan_paths=("~/a",))
    assert found[1] == spec
    assert found[1].name == "API"
    assert found[2].name == "a"


def test_priority_of_this_machine() -> None:
    """The local machine has an override like any other host."""
    hosts = Hosts(overrides={"localhost": Override(label="here", priority=9)}, groups={})
    found = select(("a",), (), hosts)
    assert [(host.name, host.local) for host in found] == [("here", True), ("a", False)]
    hosts = Hosts(overrides={"a": Override(priority=1)}, groups={})
    assert names(select(("a",), (), hosts)) == ["a", "localhost"]


@pytest.mark.parametrize(
    ("given_hosts", "hosts", "expected"),
    [
        ((), Hosts(), [("localhost", True)]),
        ((), Hosts(local=False), [("localhost", False)]),
        ((), Hosts(ignore=("local*",)), []),
        (("localhost",), Hosts(local=False), [("localhost", True)]),
        (("web",), Hosts(), [("web", False)]),
    ],
)
def test_this_machine(
    given_hosts: tuple[str, ...], hosts: Hosts, expected: list[tuple[str, bool]]
) -> None:
    """It is shown unless it is not wanted or others are given; its name is not reached by ssh.

    A ``Host localhost`` of the configuration is reached by ssh only if this machine is not wanted.
    """
    found = select(("localhost",), given_hosts, hosts)
    assert [(host.alias, host.local) for host in found] == expected


def test_given_hosts_are_all() -> None:
    """Hosts of the command line are shown whatever is ignored, with their groups and labels."""
    hosts = Hosts(
        include=("x",),
        ignore=("*",),
        groups={"g": ("*@web",)},
        overrides={"me@web": Override(label="W")},
    )
    found = select(("x", "y"), ("me@web", "y", "me@web"), hosts)
    assert found == (HostSpec("me@web", "W", group="g"), HostSpec("y"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("w*",), ["web1", "web2"]),
        (("web[2-9]", "db", "we?2"), ["web2", "db"]),
        (("l*",), ["localhost"]),
        (("x*",), []),
        (("backup-*",), []),
        (("backup-1", "w*1"), ["backup-1", "web1"]),
        (("odd[1]",), ["odd[1]"]),
        (("ssh://[::1]:22",), ["ssh://[::1]:22"]),
    ],
)
def test_given_patterns(words: tuple[str, ...], expected: list[str]) -> None:
    """They mean those of the hosts that would be shown; what is called so is that."""
    aliases = ("web1", "db", "web2", "backup-1", "odd[1]")
    assert names(select(aliases, words, Hosts())) == expected


@pytest.mark.parametrize(("local", "is_local"), [(True, True), (False, False)])
def test_this_machine_by_a_pattern(local: bool, is_local: bool) -> None:  # noqa: FBT001 - a row
    """It is reached by ssh where it is only a host of the configuration."""
    hosts = Hosts(ignore=(), groups={}, local=local)
    assert [one.local for one in select(("localhost",), ("local*",), hosts)] == [is_local]


@pytest.mark.parametrize(
    "host",
    [
        "web",
        "me@web",
        "ssh://me@web:2222",
        "ssh://web",
        "::1",
        "DOM\\me@web",
        "a@b@c",
        "é",
        "a_b.c%1",
    ],
)
def test_good_hosts(host: str) -> None:
    """What ssh takes for a host is taken."""
    assert refusal(host) == ""


@pytest.mark.parametrize(
    "host",
    [
        "",
        "-oProxyCommand=id",
        "ssh://-oProxyCommand=id",
        "-x@web",
        "me@-oProxyCommand=id",
        "ssh://me@",
        "@web",
        "we b",
        "web\n",
        "web\x1b[2J",
        "$(id)",
        "a`id`",
        "a;b",
        "a|b",
        "a'b",
        'a"b',
        "a,b",
        "a\\b",
        "m$e@web",
        "m e@web",
        "\u202eweb",
        "\udcff",
    ],
)
def test_refused_hosts(host: str) -> None:
    """An option of ssh, or what a shell or terminal could take for something, is no host."""
    assert refusal(host)


@pytest.mark.parametrize("alias", ["me@web", "ssh://web", "-x", "a b", ""])
def test_refused_aliases(alias: str) -> None:
    """A name of the configuration that ssh would take apart cannot be one."""
    assert alias_refusal(alias)


@given(st.lists(st.text("ab-*", min_size=1)), st.lists(st.text("ab-*", min_size=1), max_size=3))
def test_every_wanted_host_once(aliases: list[str], ignore: list[str]) -> None:
    """Each alias that is not ignored is there exactly once; nothing else is."""
    found = names(select(aliases, (), Hosts(ignore=tuple(ignore), groups={}, local=False)))
    assert len(found) == len(set(found))
    assert set(found) <= set(aliases)
    assert set(ignore) & set(found) == set()
    if not ignore:
        assert found == list(dict.fromkeys(aliases))
