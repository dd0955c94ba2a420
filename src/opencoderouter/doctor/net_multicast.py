"""Whether multicast leaves this machine's interfaces, comes back, and is answered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from opencoderouter.announce.query import Echo, multicast
from opencoderouter.announce.reach import wanted
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import Told, asking, skipped
from opencoderouter.kernel.addresses import Interface, interfaces

_CODE = "multicast"
_WITHIN = 1.4  # seconds; a check is cut at 2
_WHY = "By multicast (mDNS, UDP port 5353) other machines learn the names of projects."


def look(facts: Facts, told: Told) -> list[Finding]:
    """Ask on each interface for the router's own name, or where it has none, for nobody's."""
    if not facts.settings.mdns:
        return skipped(_CODE, "Names are not announced (--no-mdns)")
    every = interfaces()
    ours = wanted(every, facts.settings.mdns_interface)
    if told.interfaces:
        ours = tuple(one for one in every if one.name in told.interfaces)
    if why := _left_out(every, facts, told):
        return [why]
    mute = [_mute(one) for one in every if _should_speak(one, ours, facts)]
    name = told.domain if told.announces else f"ocr-doctor-{secrets.token_hex(4)}.local"
    echoes = multicast(ours, name, answered=told.announces, within=_WITHIN)
    found = [_finding(one, _of(one, echoes), told) for one in ours]
    return found + mute or skipped(_CODE, "No interface to speak on, besides the loopback")


def _of(interface: Interface, echoes: Sequence[Echo]) -> list[Echo]:
    return [echo for echo in echoes if echo.interface == interface.name]


def _should_speak(one: Interface, ours: Sequence[Interface], facts: Facts) -> bool:
    """Tell whether only its flag keeps an interface from multicast."""
    if one in ours or one.multicast or one.loopback or not one.addresses:
        return False
    named = Interface(one.name, one.index, one.addresses)
    ordinary = not _is_point_to_point(one, facts)
    return ordinary and bool(wanted((named,), facts.settings.mdns_interface))


def _is_point_to_point(one: Interface, facts: Facts) -> bool:
    """Tell by the kernel's flags: a tunnel has no multicast, and that is as it should be."""
    try:
        flags = int((facts.sys / "class/net" / one.name / "flags").read_text(), 16)
    except (OSError, ValueError):
        return True
    return bool(flags & 0x10)


def _mute(one: Interface) -> Finding:
    return Finding(
        _CODE,
        Status.ERROR,
        f"{one.name}: the interface has multicast turned off",
        (f"{one.name}: {', '.join(one.addresses)}; no MULTICAST flag",),
        _WHY,
        (f"sudo ip link set dev {one.name} multicast on",),
    )


def _left_out(every: Sequence[Interface], facts: Facts, told: Told) -> Finding | None:
    """Return what is wrong when --mdns-interface leaves nothing over."""
    option = ", ".join(facts.settings.mdns_interface)
    chosen = told.mdns == "off" and "--mdns-interface" in told.reason
    if not chosen and (told.mdns or not option or wanted(every, facts.settings.mdns_interface)):
        return None
    names = [one.name for one in every if one.addresses and not one.loopback]
    if not names:
        return None
    seen = (told.reason or f"--mdns-interface {option}", f"interfaces: {', '.join(names)}")
    summary = "Names are not announced: --mdns-interface means no interface of this machine"
    return Finding(
        _CODE,
        Status.WARNING,
        summary,
        seen,
        _WHY,
        (f"ocr-router serve --mdns-interface {names[0]}",),
    )


def _finding(one: Interface, echoes: Sequence[Echo], told: Told) -> Finding:
    seen = tuple(f"{one.name}: IPv{echo.family}: {_seen(echo, told)}" for echo in echoes)
    deaf = [echo for echo in echoes if not echo.heard]
    families = " and ".join(f"IPv{echo.family}" for echo in deaf)
    if deaf:
        status = Status.ERROR if len(deaf) == len(echoes) else Status.WARNING
        summary = f"{one.name}: a question sent by {families} multicast does not come back"
        return Finding(_CODE, status, summary, seen, _WHY, _ways(deaf))
    if told.announces and not any(echo.addresses for echo in echoes):
        summary = f"{one.name}: the running router does not answer to {told.domain}"
        return Finding(_CODE, Status.ERROR, summary, seen, _WHY, (_SILENT, _OUTGOING, _RESTART))
    answered = f", {told.domain} is answered" if told.announces else ""
    return Finding(_CODE, Status.OK, f"{one.name}: sent and heard{answered}", seen)


_SILENT = "ocr-router doctor --only mdns-stack --only firewall"
_OUTGOING = (
    "sudo iptables -I OUTPUT -p udp --sport 5353 -j ACCEPT  # where outgoing packets are filtered"
)
_RESTART = "Restart the router; see its log for lines of `mdns`."


def _seen(echo: Echo, told: Told) -> str:
    if echo.error and not echo.heard:
        return f"cannot be sent: {echo.error}"
    if not echo.heard:
        return "sent, but it does not come back"
    if echo.addresses:
        return f"answered: {', '.join(echo.addresses)}"
    return "heard, but not answered" if told.announces else "heard"


def _ways(deaf: Sequence[Echo]) -> tuple[str, ...]:
    """Return what opens the port, in whichever way the machine guards it."""
    tools = {4: "iptables", 6: "ip6tables"}
    rules = tuple(
        f"sudo {tools[echo.family]} -I {chain} -p udp --dport 5353 -j ACCEPT"
        for echo in deaf
        for chain in (("OUTPUT",) if echo.error else ("INPUT",))
    )
    services = ("sudo ufw allow 5353/udp", "sudo firewall-cmd --add-service=mdns")
    return (*dict.fromkeys(rules), *(f"{one}  # where it is used" for one in services))


CHECKS = (Check(_CODE, "Multicast on each interface", asking(look)),)
