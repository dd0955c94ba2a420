"""Who may ask, and how many answers a network gets.

The sender of a UDP packet can be forged: whoever is named there gets the answer. So only clients
of private networks may ask at all, and

- who may not ask gets REFUSED, which is not longer than the question (factor 1), and seldom;
- who may gets at most ``_RATES`` answers a second and network: a question of 40 octets for 1232
  (factor 31), 200 a second and so 250 kB/s at most, whatever is asked. What is above is dropped,
  but for each second answer: that is empty and says to ask over TCP, where nobody can forge;
- loopback is exempt, since no packet from outside has such an address.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from opencoderouter.announce.dns.answer import Kind
from opencoderouter.announce.near import PRIVATE

Network = IPv4Network | IPv6Network

_PRIVATE = tuple(map(ip_network, PRIVATE))
_PREFIX = {4: 24, 6: 56}  # what one household or office has; as BIND's rate-limit does
_RATES = {Kind.ANSWER: 200, Kind.DENIAL: 100, Kind.ERROR: 20}  # a second
_BURST = 2.0  # seconds' worth of them at once
_MOST = 4096  # networks or clients that are remembered
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Guest:
    """A client: whether it may ask, whether its answers are counted, and with whose."""

    allowed: bool
    exempt: bool
    network: str


class Guests:
    """Who may ask: loopback, private and link-local addresses, and the networks in ``allow``."""

    def __init__(self, allow: Iterable[Network] = ()) -> None:
        self._allowed = (*_PRIVATE, *allow)
        self._known: dict[str, Guest] = {}

    def of(self, address: str) -> Guest:
        """Return what is known of a numeric address, as sockets have it."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[address] = self._guest(address)
        return known

    def _guest(self, address: str) -> Guest:
        numeric = ip_address(address.partition("%")[0])
        allowed = any(numeric in one for one in self._allowed)
        return Guest(allowed, numeric.is_loopback, network_of(address))


def network_of(address: str) -> str:
    """Return the network with which a client is counted, by its numeric address."""
    numeric = ip_address(address.partition("%")[0])
    return str(ip_network((numeric, _PREFIX[numeric.version]), strict=False))


class Buckets:
    """A token bucket for each key; ``burst``: so many seconds' worth may be taken at once."""

    def __init__(self, burst: float) -> None:
        self._burst = burst
        self._full: dict[Hashable, float] = {}  # when it is going to be full again

    def __len__(self) -> int:
        """Return how many buckets are known."""
        return len(self._full)

    def take(self, key: Hashable, rate: float, now: float) -> bool:
        """Take one of ``rate`` a second, if there is one; ``now`` are seconds of any clock."""
        full = max(self._full.pop(key, now), now)
        free = full - now + 1 / rate <= self._burst + _ROUNDING
        self._full[key] = full + 1 / rate if free else full
        if len(self._full) > _MOST:
            del self._full[next(iter(self._full))]  # it was asked for longest ago
        return free


class Verdict(Enum):
    """What is sent of an answer."""

    SEND = "send"
    CUT = "cut"
    DROP = "drop"


class Limit:
    """How many answers of a kind a network gets."""

    def __init__(self) -> None:
        self._buckets = Buckets(_BURST)
        self._slip = False

    def judge(self, network: str, kind: Kind, now: float) -> Verdict:
        """Count an answer and tell what is sent of it; ``now`` are seconds of any clock."""
        if self._buckets.take((network, kind), _RATES[kind], now):
            return Verdict.SEND
        self._slip = not self._slip
        return Verdict.CUT if self._slip else Verdict.DROP
