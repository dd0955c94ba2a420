"""Who is directly connected."""

from __future__ import annotations

import pytest

from opencoderouter.announce.near import Near, is_near
from opencoderouter.kernel.addresses import Interface

NETWORKS = ("192.0.2.0/24", "fd00:77::/64")


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.0.2.200", True),
        ("::ffff:192.0.2.200", True),
        ("fd00:77::9", True),
        ("fe80::1%eth0", True),
        ("169.254.3.4", True),
        ("192.0.3.1", False),
        ("10.0.0.1", False),
        ("fd00:78::9", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_addresses(address: str, *, near: bool) -> None:
    """Loopback, link-local and own networks are near, also where IPv6 writes IPv4."""
    assert is_near(address, NETWORKS) is near


def test_networks_of_now() -> None:
    """Interfaces that come are found after a while; the kernel is not asked for each client."""
    now, asked = [0.0], [0]
    networks: list[str] = []

    def look() -> tuple[Interface, ...]:
        asked[0] += 1
        return (Interface("eth0", 2, (), networks=tuple(networks)),)

    near = Near(look, lambda: now[0])
    assert not near("192.0.2.1")
    networks.append("192.0.2.0/24")
    assert not near("192.0.2.1")
    assert asked == [1]
    now[0] = 5.0
    assert near("192.0.2.1")


def test_a_kernel_that_does_not_say() -> None:
    """Then only this machine and its links are near."""

    def look() -> tuple[Interface, ...]:
        raise OSError

    near = Near(look, lambda: 0.0)
    assert (near("127.0.0.1"), near("192.0.2.1")) == (True, False)
