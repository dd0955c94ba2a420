"""Passwords of servers."""

from __future__ import annotations

from opencoderouter.launch.password import new_password


def test_every_server_gets_another_one() -> None:
    """A password is new, of at least 128 bits, and can stand anywhere as it is."""
    found = [new_password(frozenset) for _ in range(50)]
    assert len(set(found)) == 50
    for password in found:
        assert password is not None
        assert len(password) * 4 >= 128
        assert password.isalnum()


def test_nobody_could_find_it_again() -> None:
    """Where the kernel does not tell whose a socket is, there is none."""
    assert new_password(None) is None
