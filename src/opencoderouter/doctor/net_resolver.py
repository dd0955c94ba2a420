"""Whether programs of this machine find the names of projects, and how long that takes."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from opencoderouter.announce.client import change
from opencoderouter.core.grant import is_loopback
from opencoderouter.doctor.container import is_image
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import PROBLEMS, Check, Finding, Status
from opencoderouter.doctor.lookup import Looked, Question, look_up_all
from opencoderouter.doctor.net import Told, asking
from opencoderouter.doctor.nsswitch import Hosts, parse_hosts

_CODE = "resolver"
_WITHIN = 1.6  # seconds; a check is cut at 2
_SLOW = 0.5  # seconds after which a person wonders
_NAMESERVER = re.compile(r"^nameserver\s+(\S+)", re.MULTILINE)
_BELOW = "ocr-doctor.localhost"
_OTHER_DNS = ("docker run --dns SERVER ...",)
_WHY = "Who cannot look a project's name up cannot open its page at that name."


@dataclass(frozen=True, slots=True)
class Means:
    """What this machine has to find ``.local`` names with."""

    hosts: Hosts
    avahi: bool  # it runs
    resolved: bool  # systemd-resolved runs
    servers: tuple[str, ...]  # of DNS, those of resolv.conf
    set_up: bool  # by `dns setup --apply`

    @property
    def any(self) -> bool:
        """Tell whether something of it asks by mDNS, or whether it is meant to."""
        return bool(self.hosts.mdns) or (self.resolved and self.hosts.has("resolve"))

    @property
    def evidence(self) -> tuple[str, ...]:
        """Return it in words."""
        running = [f"avahi-daemon {'runs' if self.avahi else 'does not run'}"]
        running.append(f"systemd-resolved {'runs' if self.resolved else 'does not run'}")
        names = ", ".join(self.servers) or "none"
        return (
            *(f"nsswitch.conf: hosts: {self.hosts}", ", ".join(running)),
            f"resolv.conf: nameserver {names}",
        )


def look(facts: Facts, told: Told) -> list[Finding]:
    """Look up the router's own name, for each family, and a name below ``localhost``."""
    families = (socket.AF_INET, socket.AF_INET6)
    own = [Question(told.domain, family) for family in families] if told.announces else []
    below, *found = look_up_all([Question(_BELOW), *own], _WITHIN)
    findings = [*_own(found, told, means(facts)), _localhost(below)]
    return [_inside(one) for one in findings] if is_image(facts) else findings


def _inside(found: Finding) -> Finding:
    """Return it as it is for an image: names are its resolver's, which knows DNS servers only."""
    if not any(mend.startswith("sudo") for mend in found.mend):
        return found
    return replace(found, mend=_OTHER_DNS if found.status in PROBLEMS else ())


def means(facts: Facts, run: Path = Path("/run"), record: Path = change.RECORD) -> Means:
    """Return what there is to find ``.local`` names with."""
    hosts = parse_hosts(_text(facts.etc / "nsswitch.conf"))
    avahi = _answers(run / "avahi-daemon/socket")
    resolved = _answers(run / "systemd/resolve/io.systemd.Resolve")
    servers = tuple(_NAMESERVER.findall(_text(facts.etc / "resolv.conf")))
    return Means(hosts, avahi, resolved, servers, set_up=bool(_text(record)))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _answers(path: Path) -> bool:
    """Tell whether somebody listens at a socket in the file system."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.2)
            probe.connect(str(path))
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _own(found: list[Looked], told: Told, has: Means) -> Iterator[Finding]:
    if not found:
        why = told.reason if told.down else "the router announces no name"
        yield Finding(_CODE, Status.SKIPPED, f"No name of our own to look up: {why}")
        return
    four, six = found
    seen = tuple(_seen(one) for one in found) + has.evidence
    addresses = four.addresses + six.addresses
    strange = [one for one in addresses if not _is_own(one, told)]
    if strange:
        yield _elsewhere(told, strange, seen)
    elif not addresses:
        yield _unknown(told, has, seen)
    else:
        yield Finding(_CODE, Status.OK, f"{told.domain} is {', '.join(addresses)}", seen)
    yield from _slow(four, six, has, seen)


def _is_own(address: str, told: Told) -> bool:
    plain = address.partition("%")[0]
    return plain in told.addresses or is_loopback(plain) or plain.startswith("fe80:")


def _elsewhere(told: Told, strange: list[str], seen: tuple[str, ...]) -> Finding:
    return Finding(
        _CODE,
        Status.ERROR,
        f"{told.domain} leads to {', '.join(strange)}, which is not this router",
        (*seen, f"announced: {', '.join(told.addresses)}"),
        "Somebody else has the name, or an old address is remembered: others see his pages, not "
        "yours.",
        ("ocr-router doctor --only names", f"getent ahosts {told.domain}"),
    )


def _unknown(told: Told, has: Means, seen: tuple[str, ...]) -> Finding:
    if not has.any:
        return Finding(
            _CODE,
            Status.INFO,
            f"This machine does not look up .local names: {told.domain} is unknown here",
            seen,
            "Other machines may know it; here the names below localhost do the same.",
            ("sudo apt install libnss-mdns", "ocr-router dns setup"),
        )
    summary = f"{told.domain} cannot be looked up here, though it is announced"
    return Finding(_CODE, Status.WARNING, summary, seen, _WHY, _ways(has))


def _ways(has: Means) -> tuple[str, ...]:
    """Return what lets this machine find the names."""
    if has.hosts.mdns and not has.avahi:
        return ("sudo systemctl start avahi-daemon", "ocr-router dns setup")
    if has.resolved and not has.hosts.mdns:
        return ("sudo resolvectl mdns INTERFACE yes", "ocr-router dns setup")
    return ("ocr-router doctor --only multicast --only mdns-stack", "ocr-router dns setup")


def _slow(four: Looked, six: Looked, has: Means, seen: tuple[str, ...]) -> Iterator[Finding]:
    """Tell of an address that is waited for; of a name that is unknown, only the other finding."""
    if six.seconds > _SLOW and four.addresses and not six.addresses:
        yield _stalls(six, has, seen)
    elif four.seconds > _SLOW and (four.addresses or four.late):
        took = _took(four)
        summary = f"{four.question.host}: to look it up takes {took}"
        mend = _BY_MDNS if has.any else silent_servers(has)
        yield Finding(_CODE, Status.WARNING, summary, seen, _WAITS, mend)


_BY_MDNS = ("ocr-router doctor --only multicast", "ocr-router dns setup")


def silent_servers(has: Means) -> tuple[str, ...]:
    """Return what helps where DNS is asked for such a name, and mDNS is not."""
    undo = ("sudo ocr-router dns setup --undo",) if has.set_up else ()
    names = ", ".join(has.servers) or "none, which means 127.0.0.1"
    return (*undo, f"sudoedit /etc/resolv.conf  # DNS servers that are silent: {names}")


_WAITS = "Every page and every program waits so long before it connects."


def _stalls(six: Looked, has: Means, seen: tuple[str, ...]) -> Finding:
    mend = ["ocr-router dns setup"]
    if has.hosts.waits:
        old = next(name for name in has.hosts.mdns if "4" not in name)
        new = f"mdns4{old.removeprefix('mdns').removeprefix('6')}"
        mend.insert(0, f"sudo sed -i '/^hosts:/s/\\b{old}\\b/{new}/' /etc/nsswitch.conf")
    summary = f"{six.question.host}: the answer that it has no IPv6 address takes {_took(six)}"
    return Finding(_CODE, Status.WARNING, summary, seen, _WAITS, tuple(mend))


def _localhost(below: Looked) -> Finding:
    seen = (_seen(below),)
    strange = [one for one in below.addresses if not is_loopback(one)]
    if strange:
        summary = f"Names below localhost lead to {', '.join(strange)}"
        why = (
            "Programs that do not know better send requests for this machine elsewhere (RFC 6761)."
        )
        return Finding(_CODE, Status.ERROR, summary, seen, why, _MYHOSTNAME)
    if below.addresses:
        summary = f"Names below localhost are {', '.join(below.addresses)}"
        return Finding(_CODE, Status.OK, summary, seen)
    what = f"takes more than {_took(below)}" if below.late else "does not know them"
    why = "Browsers and curl know these names by themselves; git, Python and others ask it."
    summary = f"Names below localhost: the resolver {what}"
    status = Status.WARNING if below.late else Status.INFO
    return Finding(_CODE, status, summary, seen, why, _MYHOSTNAME)


_MYHOSTNAME = ("sudo apt install libnss-myhostname",)


def _seen(one: Looked) -> str:
    kinds = {socket.AF_INET: " A", socket.AF_INET6: " AAAA"}
    kind = kinds.get(socket.AddressFamily(one.question.family), "")
    said = ", ".join(one.addresses) or one.reason
    return f"{one.question.host}{kind}: {said} ({one.seconds * 1000:.0f} ms)"


def _took(one: Looked) -> str:
    return f"{'more than ' if one.late else ''}{one.seconds:.1f} s"


CHECKS = (Check(_CODE, "Names through this machine's resolver", asking(look)),)
