"""How this machine looks names up: the line ``hosts`` of nsswitch.conf(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEFAULT = ("dns", "files")  # of glibc, without a line
_MDNS = re.compile(r"mdns[46]?(?:_minimal)?")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The services of the line in their order, each with the actions behind it (``notfound=…``)."""

    services: tuple[tuple[str, str], ...]

    @property
    def mdns(self) -> tuple[str, ...]:
        """Return the services of nss-mdns, which ask avahi."""
        return tuple(name for name, _ in self.services if _MDNS.fullmatch(name))

    def has(self, name: str) -> bool:
        """Tell whether a service is asked."""
        return any(name == one for one, _ in self.services)

    @property
    def waits(self) -> bool:
        """Tell whether mDNS is asked for addresses of IPv6, too, which most names do not have."""
        return any("4" not in name for name in self.mdns)

    def __str__(self) -> str:
        return " ".join(f"{name} {action}".strip() for name, action in self.services)


def parse_hosts(text: str) -> Hosts:
    """Return the line of a file, or what holds without one."""
    for line in text.splitlines():
        name, mark, rest = line.partition("#")[0].partition(":")
        if mark and name.strip().lower() == "hosts":
            return Hosts(tuple(_services(rest)))
    return Hosts(tuple((name, "") for name in _DEFAULT))


def _services(rest: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for action, name in re.findall(r"(\[[^\]]*\])|([^\s\[\]]+)", rest):
        if name:
            found.append((name.lower(), ""))
        elif found:
            found[-1] = (found[-1][0], action.lower())
    return found
