"""What each process asks to know who comes in, with the kernel of this machine."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from opencoderouter.access.audit import Audit
from opencoderouter.access.door import Door
from opencoderouter.access.keys import Keys, Sources
from opencoderouter.core.grant import Caller
from opencoderouter.core.model import Listener
from opencoderouter.kernel.peers import peers
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.wiring import entry
from opencoderouter.wiring.clock import clock
from opencoderouter.wiring.entry import Entry, asked, audit_file

ME = os.getuid()
needs_kernel = pytest.mark.skipif(peers() is None, reason="needs a kernel that tells whose sockets")


def looked(door: Door) -> Caller | None:
    """Return what a door says at once of a client of our own."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        return door.look(client.getsockname(), server.getsockname(), lambda _: None)


@needs_kernel
async def test_the_door_knows_our_own_user() -> None:
    """With ``auto`` it takes a moment to tell whether it is an agent, with ``always`` it does not.

    Where everybody may come in nobody is asked.
    """
    assert looked(asked("auto")[0]) is None
    assert looked(asked("always")[0]) == Caller("127.0.0.1", ME)
    assert looked(asked("off")[0]) == Caller("127.0.0.1")


@needs_kernel
async def test_where_users_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a user namespace of its own nobody is known; but who listens there is."""
    monkeypatch.setattr(entry, "tells_users_apart", lambda: False)
    door, proof = asked("auto")
    assert looked(door) == Caller("127.0.0.1")
    assert proof is not None


async def test_a_kernel_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is known, and of no listener it is proven whose it is."""
    monkeypatch.setattr(entry, "peers", lambda: None)
    door, proof = asked("auto")
    assert looked(door) == Caller("127.0.0.1")
    assert proof is None


@needs_kernel
async def test_the_proof() -> None:
    """A listener is the one that was found while it listens, as this user's and this socket."""
    _, proof = asked("auto")
    assert proof is not None
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, inode = server.getsockname()[1], os.fstat(server.fileno()).st_ino
        found = Listener("127.0.0.1", port, uid=ME, inode=inode)
        assert proof(found)
        assert not proof(replace(found, inode=inode + 1))
        assert not proof(replace(found, uid=ME + 1))
    assert not proof(found)
    with socket.create_server(("127.0.0.1", port)):
        assert not proof(found)


async def test_what_the_application_gets(tmp_path: Path) -> None:
    """The keyring is that of now; sessions end in it, and events are written where they belong."""
    keys = Keys(Sources(tmp_path), clock)
    with closing(Audit(audit_file(tmp_path), 10**6, later=lambda *_: None)) as audit:
        access = Entry(keys, Strikes.create(1), audit).access()
        assert access.keyring() is keys.watch.value
        access.log_out("mine", access.now() + 60)
        assert access.keyring().revoked == {"mine"}
        assert access.keyring() is keys.watch.value
        access.record("tested", number=1)
    assert '"event": "tested"' in (tmp_path / "audit.jsonl").read_text()


async def test_a_ticket_is_good_once(tmp_path: Path) -> None:
    """Who was let in gets one for another name of the router, and none of another router's."""
    keys = Keys(Sources(tmp_path, password="correct-horse-battery"), clock)
    with closing(Audit(audit_file(tmp_path), 10**6, later=lambda *_: None)) as audit:
        own = Entry(keys, Strikes.create(1), audit)
        access, other = own.access(), own.access()
        grant = access.keyring().judge("correct-horse-battery", access.now())
        assert grant is not None
        ticket = access.tickets.issue(grant, "192.0.2.1", "shop.localhost")
        assert other.tickets.redeem(ticket, "192.0.2.1", "shop.localhost") is None
        assert access.tickets.redeem(ticket, "192.0.2.1", "shop.localhost") == grant
        assert access.tickets.redeem(ticket, "192.0.2.1", "shop.localhost") is None
