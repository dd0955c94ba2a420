"""What the running router says of itself on the network: what the checks of names begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Finding, Run, Status
from opencoderouter.doctor.thread import in_thread

_HEALTH = "/api/health"


@dataclass(frozen=True, slots=True)
class Told:
    """What a router tells of its names.

    ``down``: there is none to be asked, for this ``reason``. ``domain`` is the router's own name on
    the network, with ``addresses``; empty where it announces nothing. ``owner`` is whose it is.
    ``mdns`` is ``on``, ``off`` or ``failed``, on ``interfaces``; ``dns`` are the addresses of its
    DNS server, with ports.
    """

    down: bool = False
    reason: str = ""
    domain: str = ""
    addresses: tuple[str, ...] = ()
    owner: str = ""
    mdns: str = ""
    interfaces: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()

    @property
    def announces(self) -> bool:
        """Tell whether others should hear of this router by mDNS."""
        return bool(self.domain) and self.mdns == "on"


async def told(facts: Facts) -> Told:
    """Ask the running router."""
    answer = await facts.router.get(_HEALTH)
    if not isinstance(answer, Answered):
        return Told(down=True, reason=answer.reason)
    return read(answer.body)


def read(body: object) -> Told:
    """Read the answer of ``/api/health``; what is missing in it stays empty."""
    if not isinstance(body, Mapping):
        return Told(down=True, reason="the router does not say how it is")
    found = body.get("mdns")
    mdns = found if isinstance(found, Mapping) else {}
    return Told(
        reason=str(mdns.get("reason") or ""),
        domain=str(body.get("domain") or ""),
        addresses=_texts(body.get("addresses")),
        owner=str(body.get("owner") or ""),
        mdns=str(mdns.get("status") or ""),
        interfaces=_texts(mdns.get("interfaces")),
        dns=_texts(body.get("dns")),
    )


def asking(look: Callable[[Facts, Told], Iterable[Finding]]) -> Run:
    """Make a blocking function, which gets what the router told, the ``run`` of a check."""

    async def run(facts: Facts) -> Iterable[Finding]:
        return await in_thread(look, facts, await told(facts))

    return run


def skipped(code: str, why: str) -> list[Finding]:
    """Return the finding of what cannot be looked at."""
    return [Finding(code, Status.SKIPPED, why)]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
