"""What the records of a service say, as zeroconf has them in its cache."""

from __future__ import annotations

from ipaddress import ip_address

from zeroconf import current_time_millis
from zeroconf._cache import DNSCache
from zeroconf._dns import DNSAddress, DNSRecord, DNSService, DNSText

from opencoderouter.core.peers import MOST_ADDRESSES, Heard

_A, _TXT, _AAAA, _SRV, _IN = 1, 16, 28, 33, 1  # RFC 1035 section 3.2, RFC 3596, RFC 2782
_TXT_SIZE, _TXT_STRINGS = 4096, 32  # that are looked at; RFC 6763 section 6.2 wants 1300 octets


class Records:
    """The records of one moment.

    Anybody can add some: of those that contradict each other the newest counts, but all addresses
    are told, whatever host they are of, so that none can be slipped in beside trusted ones.
    """

    def __init__(self, cache: DNSCache) -> None:
        self._cache, self._now = cache, current_time_millis()
        self._hosts: dict[str, list[str]] = {}  # many services have one host

    def service(self, kind: str, name: str) -> Heard | None:
        """Return what is said of a service, None unless SRV, TXT and an address are known.

        ``name`` is that of the instance with type and domain. One address more than
        ``MOST_ADDRESSES`` stands for all there are.
        """
        services = [one for one in self._held(name, _SRV) if isinstance(one, DNSService)]
        texts = [one for one in self._held(name, _TXT) if isinstance(one, DNSText)]
        hosts = {service.server_key for service in services}
        addresses = {address for host in hosts for address in self._addresses(host)}
        if not (services and texts and addresses):
            return None
        newest = services[-1]
        return Heard(
            kind=kind,
            label=name.removesuffix(f".{kind}.local."),
            host=newest.server.removesuffix("."),
            port=newest.port,
            addresses=tuple(sorted(addresses)[: MOST_ADDRESSES + 1]),
            txt=strings(texts[-1].text),
        )

    def _held(self, name: str, type_: int) -> list[DNSRecord]:
        """Return the records that have not expired, the newest last."""
        found = self._cache.get_all_by_details(name, type_, _IN)
        held = [record for record in found if not record.is_expired(self._now)]
        return sorted(held, key=lambda record: record.created)

    def _addresses(self, host: str) -> list[str]:
        if host not in self._hosts:
            found = [*self._held(host, _A), *self._held(host, _AAAA)][: MOST_ADDRESSES + 1]
            octets = [one.address for one in found if isinstance(one, DNSAddress)]
            self._hosts[host] = [str(ip_address(address)) for address in octets]
        return self._hosts[host]


def strings(text: bytes) -> tuple[tuple[str, str], ...]:
    """Return keys and values of a TXT record (RFC 6763 section 6.3), those at its beginning."""
    pairs: list[tuple[str, str]] = []
    place, end = 0, min(len(text), _TXT_SIZE)
    while place < end and len(pairs) < _TXT_STRINGS:
        length = text[place]
        key, _, value = text[place + 1 : place + 1 + length].partition(b"=")
        pairs.append((key.decode("utf-8", "replace"), value.decode("utf-8", "replace")))
        place += 1 + length
    return tuple(pairs)
