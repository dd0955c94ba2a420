"""Who else speaks mDNS on this machine: port 5353 can be shared, if everybody lets others in."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import skipped
from opencoderouter.doctor.thread import threaded
from opencoderouter.kernel.holders import Holder, holders

_CODE = "mdns-stack"
_PORT = 5353
_WHY = "Nobody on the network learns the names of projects while the router cannot have the port."


def look(facts: Facts) -> list[Finding]:
    """Try whether the port can be shared, and say with whom."""
    if not facts.settings.mdns:
        return skipped(_CODE, "Names are not announced (--no-mdns)")
    who = [one for one in holders(_PORT, proc=facts.proc) if one.over == "UDP"]
    names = tuple(dict.fromkeys(str(one) for one in who))
    error = _refusal()
    if error:
        return [_exclusive(names, error, facts, who)]
    if any(one.name == "avahi-daemon" for one in who) and refuses_others(facts.etc):
        return [_jealous(names, facts)]
    summary = f"shared by {', '.join(names)}" if names else "free"
    return [Finding(_CODE, Status.OK, f"UDP port {_PORT}: {summary}", names)]


def refuses_others(etc: Path) -> bool:
    """Tell whether avahi's configuration keeps other mDNS stacks out (avahi-daemon.conf(5))."""
    parser = ConfigParser(strict=False, interpolation=None)
    try:
        parser.read(etc / "avahi/avahi-daemon.conf")
        return parser.getboolean("server", "disallow-other-stacks", fallback=False)
    except (ConfigError, ValueError, OSError):
        return False


def _refusal() -> str:
    """Return why the port cannot be had beside the others; nothing when it can."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(("", _PORT))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        return "it is not shared" if taken else (error.strerror or str(error))
    return ""


def _exclusive(names: Sequence[str], error: str, facts: Facts, who: Sequence[Holder]) -> Finding:
    by = f" by {', '.join(names)}" if names else ""
    mend = [f"kill {one.pid}" for one in who if one.pid]
    if any(one.name == "avahi-daemon" for one in who) and refuses_others(facts.etc):
        mend = list(_AVAHI)
    whose = [f"sudo ss -lunp 'sport = :{_PORT}'"] if not mend else []
    summary = f"UDP port {_PORT} is held{by}, and {error}"
    return Finding(_CODE, Status.ERROR, summary, tuple(names), _WHY, (*mend, *whose))


_EDIT = "sudo sed -i s/^disallow-other-stacks=yes/disallow-other-stacks=no/"
_AVAHI = (f"{_EDIT} /etc/avahi/avahi-daemon.conf", "sudo systemctl restart avahi-daemon")


def _jealous(names: Sequence[str], facts: Facts) -> Finding:
    return Finding(
        _CODE,
        Status.ERROR,
        "The avahi-daemon is told to keep other mDNS programs out (disallow-other-stacks=yes)",
        (*names, str(facts.etc / "avahi/avahi-daemon.conf")),
        _WHY,
        _AVAHI,
    )


CHECKS = (Check(_CODE, "Other mDNS programs on UDP port 5353", threaded(look)),)
