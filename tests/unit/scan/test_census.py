"""The census: which listeners are candidates, and whose process is looked up when."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.basic import basic
from opencoderouter.core.model import Kind, Listener
from opencoderouter.scan.census import Candidate, Census, one_per_server

UID = os.getuid()
PORTS = range(30000, 30010)


def add(proc: Path, pid: int, command: str, *, sockets: Iterable[int], started: int = 0) -> None:
    """Write a process into ``/proc``."""
    base = proc / str(pid)
    (base / "fd").mkdir(parents=True)
    comm = command.partition(" ")[0]
    (base / "comm").write_text(comm)
    (base / "stat").write_text(f"{pid} ({comm}) S 1 " + "0 " * 17 + f"{started or pid} 0")
    (base / "status").write_text(f"Uid:\t{UID}\t{UID}\n")
    (base / "cmdline").write_text(command.replace(" ", "\0") + "\0")
    (base / "cwd").symlink_to(f"/srv/{pid}")
    for number, inode in enumerate(sockets, 3):
        (base / f"fd/{number}").symlink_to(f"socket:[{inode}]")


def listener(port: int, inode: int, *, address: str = "127.0.0.1", uid: int = UID) -> Listener:
    """Return a listener as the kernel tells of it."""
    return Listener(address, port, uid, inode)


def census(proc: Path, *own: int) -> Census:
    """Return a census of this user's processes."""
    return Census(PORTS, uid=UID, own_ports=frozenset(own), proc=proc)


def seen(found: Iterable[Candidate]) -> set[tuple[int, int | None, Kind, str | None]]:
    """Return port, pid, kind and directory of each."""
    return {(c.listener.port, c.listener.pid, c.listener.kind, c.cwd) for c in found}


def test_candidates(tmp_path: Path) -> None:
    """Every own port of the range, and every own port of OpenCode wherever it is."""
    add(tmp_path, 1, "opencode serve", sockets=[11])
    add(tmp_path, 2, "opencode --port 4096", sockets=[12])
    add(tmp_path, 3, "python -m http.server", sockets=[13, 14])
    found = census(tmp_path, 30005).candidates(
        frozenset(
            {
                listener(30001, 11),
                listener(4096, 12, address="::1"),
                listener(30002, 13),
                listener(8000, 14),  # not OpenCode, not in the range
                listener(30003, 15),  # nobody is known to hold it
                listener(30004, 16, uid=UID + 1),
                listener(30005, 17),  # the router's own
                listener(30006, 18, address="fe80::1"),  # on which link?
            }
        )
    )
    assert seen(found) == {
        (30001, 1, Kind.SERVE, "/srv/1"),
        (4096, 2, Kind.TUI, "/srv/2"),
        (30002, 3, Kind.OTHER, "/srv/3"),
        (30003, None, Kind.OTHER, None),
    }
    assert {c.listener.port for c in found if c.opencode} == {30001, 4096}


def test_shared_socket(tmp_path: Path) -> None:
    """A socket that a tool inherited is its server's: OpenCode before others, then the oldest."""
    add(tmp_path, 1, "bash", sockets=[11])
    add(tmp_path, 2, "opencode serve", sockets=[11], started=900)
    add(tmp_path, 3, "opencode serve", sockets=[11], started=300)
    found = census(tmp_path).candidates(frozenset({listener(30001, 11)}))
    assert seen(found) == {(30001, 3, Kind.SERVE, "/srv/3")}


def test_looked_up_once(tmp_path: Path) -> None:
    """A socket keeps its process: ``/proc`` is read for new sockets only."""
    add(tmp_path, 1, "opencode serve", sockets=[11])
    one = census(tmp_path)
    first = one.candidates(frozenset({listener(30001, 11)}))
    (tmp_path / "1/cmdline").write_text("opencode\0web")
    assert one.candidates(frozenset({listener(30001, 11)})) == first
    assert one.candidates(frozenset()) == frozenset()
    again = one.candidates(frozenset({listener(30001, 11)}))
    assert seen(again) == {(30001, 1, Kind.WEB, "/srv/1")}


def test_credentials(tmp_path: Path) -> None:
    """A server that was started here is known by its password; a tool of it gets nothing."""
    told = "OCR_SERVER_ID=a-1\0OPENCODE_SERVER_PASSWORD=secret\0"
    for pid, command in ((1, "opencode serve"), (2, "ssh -N box"), (3, "opencode web")):
        add(tmp_path, pid, command, sockets=[10 + pid])
        (tmp_path / f"{pid}/environ").write_text(told if pid < 3 else "HOME=/\0")
    there = frozenset(listener(30000 + number, 10 + number) for number in (1, 2, 3))
    found = {c.listener.pid: c.listener for c in census(tmp_path).candidates(there)}
    assert found[1].authorization == basic("opencode", "secret")
    assert (found[2].authorization, found[3].authorization) == (None, None)
    assert "secret" not in repr(found) + str(found)
    assert basic("opencode", "secret") not in repr(found)


@pytest.mark.parametrize("port", [30001, 4096])
def test_looked_up_until_found(tmp_path: Path, port: int) -> None:
    """No process, or half of one, is no answer: the next look may find it."""
    one, there = census(tmp_path), frozenset({listener(port, 11)})
    one.candidates(there)
    assert one.unexplained == there
    add(tmp_path, 1, "opencode serve", sockets=[11])
    (tmp_path / "1/cmdline").write_text("")
    (tmp_path / "1/comm").write_text("")
    one.candidates(there)
    assert one.unexplained == there
    (tmp_path / "1/cmdline").write_text("opencode\0serve")
    assert seen(one.candidates(there)) == {(port, 1, Kind.SERVE, "/srv/1")}
    assert not one.unexplained


def test_explained(tmp_path: Path) -> None:
    """A process that is not OpenCode explains its sockets, outside the range as well."""
    add(tmp_path, 1, "python -m http.server", sockets=[11])
    one = census(tmp_path)
    assert one.candidates(frozenset({listener(8000, 11)})) == frozenset()
    assert not one.unexplained


def test_port_changes_hands(tmp_path: Path) -> None:
    """Another inode on the same port is another server."""
    add(tmp_path, 1, "opencode serve", sockets=[11])
    add(tmp_path, 2, "opencode web", sockets=[12])
    one = census(tmp_path)
    assert seen(one.candidates(frozenset({listener(30001, 11)}))) == {
        (30001, 1, Kind.SERVE, "/srv/1")
    }
    assert seen(one.candidates(frozenset({listener(30001, 12)}))) == {
        (30001, 2, Kind.WEB, "/srv/2")
    }


def test_dual_bind(tmp_path: Path) -> None:
    """Two sockets of a process on one port are one server, and it stays the same one."""
    add(tmp_path, 1, "opencode serve", sockets=[11, 12])
    ipv4, ipv6 = listener(30001, 11), listener(30001, 12, address="::1")
    both = census(tmp_path).candidates(frozenset({ipv4, ipv6}))
    assert [c.listener.address for c in both] == ["127.0.0.1"]
    one = census(tmp_path)
    first = one.candidates(frozenset({ipv6}))
    assert one.candidates(frozenset({ipv4, ipv6})) == first
    assert [c.listener.address for c in one.candidates(frozenset({ipv4}))] == ["127.0.0.1"]


def test_same_port_of_two(tmp_path: Path) -> None:
    """Two processes may have one port, on two addresses; unknown ones are not thought one."""
    add(tmp_path, 1, "opencode serve", sockets=[11])
    add(tmp_path, 2, "opencode serve", sockets=[12])
    listeners = {
        listener(30001, 11),
        listener(30001, 12, address="::1"),
        listener(30002, 13),
        listener(30002, 14, address="::1"),
    }
    assert len(census(tmp_path).candidates(frozenset(listeners))) == 4


CANDIDATES = st.builds(
    Candidate,
    st.builds(
        Listener,
        st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::"]),
        st.integers(1, 3),
        inode=st.integers(1, 9),
        pid=st.none() | st.integers(1, 3),
    ),
)


@given(st.frozensets(CANDIDATES), st.frozensets(CANDIDATES))
def test_one_per_server(found: frozenset[Candidate], keep: frozenset[Candidate]) -> None:
    """Every server is there, once, and by what it was known by if that is still there."""
    chosen = one_per_server(found, keep=keep)
    assert chosen <= found
    servers = {(c.listener.port, c.listener.pid) for c in found if c.listener.pid}
    known = [(c.listener.port, c.listener.pid) for c in chosen if c.listener.pid]
    assert sorted(known) == sorted(servers)
    assert {c.listener.key for c in found if not c.listener.pid} == {
        c.listener.key for c in chosen if not c.listener.pid
    }
    for candidate in keep & found:
        rivals = {c for c in keep & found if c.listener.pid == candidate.listener.pid}
        if candidate.listener.pid and len(rivals) == 1:
            assert candidate in chosen


@pytest.mark.parametrize(("kind", "opencode"), [(Kind.ACP, True), (Kind.OTHER, False)])
def test_opencode(kind: Kind, opencode: bool) -> None:  # noqa: FBT001 - a column of the table
    """What the process is, its kind says."""
    assert Candidate(replace(listener(1, 1), kind=kind)).opencode is opencode
