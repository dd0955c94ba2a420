"""Memory of several processes, and who counts as one in it."""

from __future__ import annotations

import fcntl
import os

import pytest

from opencoderouter.proxy.lane import shared


class Owner:
    """Has a descriptor until it is forgotten."""


def test_all_see_the_same() -> None:
    """What one writes another one reads; key and rows are the same for both, and all is zero."""
    one, other = Owner(), Owner()
    fd = shared.create("test", 3, 16)
    first, second = shared.attach(one, fd), shared.attach(other, os.dup(fd))
    assert first.memory == bytes(48)
    first.memory[47] = 7
    assert second.memory[47] == 7
    assert first[:2] == second[:2]
    assert first.rows == 3


def test_the_descriptor_goes_with_its_owner() -> None:
    """Nothing is left open when nobody counts any more."""
    owner = Owner()
    fd = shared.create("test", 1, 8)
    shared.attach(owner, fd)
    del owner
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_nobody_can_cut_it_short() -> None:
    """A process that is handed the descriptor cannot make the others crash with it."""
    if not hasattr(fcntl, "F_ADD_SEALS"):
        pytest.skip("this system has no seals")
    fd = shared.create("test", 1, 8)
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)
    os.close(fd)


def test_the_descriptor_is_not_inherited() -> None:
    """Only who is handed the descriptor has it."""
    fd = shared.create("test", 1, 8)
    assert not os.get_inheritable(fd)
    os.close(fd)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%lo", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("127.0.0.1#1001", "127.0.0.1#1002", False),
        ("::1#1001", "::1#1002", False),
        ("::1#1001", "::1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_who_is_one(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """An IPv6 /64 counts as one; every IPv4 address and every user of this machine for itself."""
    assert (shared.one(one) == shared.one(other)) is same
    keys = [os.urandom(16) for _ in range(3)]  # by chance in one of 65536 only
    found = [shared.cell(one, key, 1 << 16) == shared.cell(other, key, 1 << 16) for key in keys]
    assert all(found) if same else not all(found)


def test_nobody_knows_whom_he_meets() -> None:
    """Without the key the cell of an address cannot be told; with it, it is always the same."""
    key = os.urandom(16)
    cells = {shared.cell("192.0.2.1", os.urandom(16), 1 << 14) for _ in range(50)}
    assert len(cells) > 40
    assert max(cells) < 1 << 14
    assert shared.cell("192.0.2.1", key, 99) == shared.cell("192.0.2.1", key, 99) < 99
