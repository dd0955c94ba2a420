"""Who is directly connected: only they are told what the network says (RFC 8766 section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from opencoderouter.kernel.addresses import Interface

# RFC 1918, 3927, 4193 and 4291: networks that no packet from the Internet comes from.
PRIVATE = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    *("127.0.0.0/8", "::1/128"),
)
_FRESH = 5.0  # seconds that the kernel is not asked again


class Near:
    """Tells whether a client is on this machine, or in a network that one of its interfaces is in.

    ``look`` returns the interfaces of now; ``clock`` returns seconds.
    """

    def __init__(self, look: Callable[[], Iterable[Interface]], clock: Callable[[], float]) -> None:
        self._look, self._clock = look, clock
        self._networks: tuple[str, ...] = ()
        self._until = clock()

    def __call__(self, address: str) -> bool:
        """Tell it of a numeric address, as sockets have it."""
        now = self._clock()
        if now >= self._until:
            self._until = now + _FRESH
            self._networks = self._now()
        return is_near(address, self._networks)

    def _now(self) -> tuple[str, ...]:
        try:
            return tuple(network for one in self._look() for network in one.networks)
        except OSError:  # the kernel does not say
            return ()


def is_near(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is loopback, link-local or in one of the networks."""
    numeric = ip_address(address.partition("%")[0])
    plain = (isinstance(numeric, IPv6Address) and numeric.ipv4_mapped) or numeric
    if plain.is_loopback or plain.is_link_local:
        return True
    return any(plain in ip_network(one) for one in networks)
