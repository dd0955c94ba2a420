"""Hints about a packet filter: whether others reach the router, and mDNS reaches this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opencoderouter.core.grant import is_loopback
from opencoderouter.doctor.container import is_image
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.filters import Judged, Packet, judge, parse
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import skipped
from opencoderouter.doctor.thread import threaded

_CODE = "firewall"
_WITHIN = 0.5  # seconds for one program
_WHY = "Of what a packet filter drops nobody is told: others wait for a router that never answers."
_MDNS = Packet("udp", 5353, "224.0.0.251,ff02::fb")
_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
_ENABLED = re.compile(r"^\s*ENABLED\s*=\s*yes\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Need:
    """A packet that must come in, and what it is for."""

    packet: Packet
    what: str

    @property
    def spelled(self) -> str:
        """Return it as firewall programs write it: ``5353/udp``."""
        return f"{self.packet.port}/{self.packet.protocol}"


def look(facts: Facts) -> list[Finding]:
    """Read the rules, as far as this user may."""
    needs = _needs(facts)
    if not needs:
        return skipped(_CODE, "The router is for this machine only (--hostname)")
    if os.geteuid() != 0:
        return [_unseen(facts, needs)]
    found = list(_read(facts, needs))
    if not found and is_image(facts):
        return [_outside()]
    return found or [Finding(_CODE, Status.OK, f"Nothing is in the way of {_spelled(needs)}")]


def _outside() -> Finding:
    why = "The rules of the machine are not seen from inside of a container"
    return Finding(_CODE, Status.SKIPPED, why)


def _needs(facts: Facts) -> list[Need]:
    settings = facts.settings
    if settings.hostname == "localhost" or is_loopback(settings.hostname):
        return []
    found = [Need(Packet("tcp", settings.port), "the router")]
    return found + ([Need(_MDNS, "mDNS")] if settings.mdns else [])


def _spelled(needs: list[Need]) -> str:
    return " and ".join(need.spelled for need in needs)


def _unseen(facts: Facts, needs: list[Need]) -> Finding:
    """Say what can be seen without root: whether a firewall is on, not what it does."""
    if is_image(facts):
        return _outside()
    if not _ufw_is_on(facts):
        why = "Only root may read the rules: `sudo ocr-router doctor --only firewall` does"
        return Finding(_CODE, Status.SKIPPED, why)
    summary = f"ufw is on; whether it lets {_spelled(needs)} in, only root may read"
    mend = tuple(f"sudo ufw allow {need.spelled}" for need in needs)
    return Finding(_CODE, Status.INFO, summary, why=_WHY, mend=mend)


def _ufw_is_on(facts: Facts) -> bool:
    try:
        return _ENABLED.search((facts.etc / "ufw/ufw.conf").read_text(errors="replace")) is not None
    except OSError:
        return False


def _read(facts: Facts, needs: list[Need]) -> Iterator[Finding]:
    path = f"{facts.environment.get('PATH', os.defpath)}:{_PLACES}"
    for tool, family in (("iptables", 4), ("ip6tables", 6)):
        text = _said(path, tool, "-S")
        rules = parse(text or "")
        for need in needs:
            judged = judge(rules, need.packet)
            if judged.verdict in {"drop", "unsure"}:
                yield _finding(need, judged, tool, family, facts)
    yield from _native(path, needs)


def _said(path: str, name: str, *arguments: str) -> str | None:
    """Return what a program prints; None when there is none, or it fails."""
    program = shutil.which(name, path=path)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - found in the places of the system
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _finding(need: Need, judged: Judged, tool: str, family: int, facts: Facts) -> Finding:
    seen = (f"{tool}: {judged.rule}",)
    if judged.verdict == "unsure":
        summary = f"IPv{family}: whether {need.spelled} ({need.what}) comes in is not clear"
        return Finding(_CODE, Status.INFO, summary, seen, _WHY, (_opens(need, tool, facts),))
    summary = f"IPv{family}: {need.spelled} ({need.what}) does not come in"
    return Finding(_CODE, Status.WARNING, summary, seen, _WHY, (_opens(need, tool, facts),))


def _opens(need: Need, tool: str, facts: Facts) -> str:
    """Return the command that lets it in, of the program that keeps the rules."""
    if _ufw_is_on(facts):
        return f"sudo ufw allow {need.spelled}"
    if shutil.which("firewall-cmd", path=f"{_PLACES}:/usr/bin"):
        return (
            f"sudo firewall-cmd --permanent --add-port={need.spelled} && sudo firewall-cmd --reload"
        )
    packet = need.packet
    return f"sudo {tool} -I INPUT -p {packet.protocol} --dport {packet.port} -j ACCEPT"


def _native(path: str, needs: list[Need]) -> Iterator[Finding]:
    """Tell of rules that nft keeps and iptables does not show."""
    text = _said(path, "nft", "list", "ruleset") or ""
    for table, body in _tables(text).items():
        if table.endswith((" filter", " nat", " mangle", " raw", " security")):
            continue  # those that iptables shows
        drops = re.search(r"hook input[^}]*?(policy drop|\b(drop|reject)\b)", body, re.DOTALL)
        missing = [n for n in needs if not re.search(rf"\b{n.packet.port}\b", body)]
        if drops and missing:
            summary = f"nft table {table} drops packets, and does not name {_spelled(missing)}"
            mend = ("sudo nft list ruleset",)
            yield Finding(_CODE, Status.INFO, summary, (f"nft: table {table}",), _WHY, mend)


def _tables(text: str) -> Mapping[str, str]:
    parts = re.split(r"^table (\w+ \S+) \{", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=False))


CHECKS = (Check(_CODE, "Packet filters in the way", threaded(look)),)
