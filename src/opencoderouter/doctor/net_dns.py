"""Whether the fallback DNS server answers, over UDP and TCP, and rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opencoderouter.announce.query import Reply, ask
from opencoderouter.core.hosts import parse_authority
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import Told, asking, skipped
from opencoderouter.doctor.net_stack import holders
from opencoderouter.fields import format_listening

_CODE = "dns"
_WITHIN = 0.8  # seconds for one answer
_SIDECAR = ("127.0.0.1", 8053)  # where `ocr-router dns` listens, if nobody says otherwise
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a key
_WHY = "Clients that mDNS does not reach find no name of a project."
_PROBE = "ocr-doctor.local"  # where no name of our own is known

Server = tuple[str, int]
How = Literal["UDP", "TCP"]


def look(facts: Facts, told: Told) -> list[Finding]:
    """Ask each server that there is for the router's own name."""
    found = servers(facts, told)
    if not found:
        return skipped(_CODE, "No DNS server: neither `serve --dns` nor `ocr-router dns` runs")
    return [_finding(server, told, facts) for server in found]


def servers(facts: Facts, told: Told) -> list[Server]:
    """Return where DNS should be answered: as the router says, as it is set, or by the sidecar."""
    said = [server for text in told.dns if (server := _parsed(text))]
    found = said or ([] if told.down else list(facts.settings.dns))
    if not found and _listens(facts.proc, _SIDECAR[1]):
        found = [_SIDECAR]
    return [(_EVERYWHERE.get(address, address), port) for address, port in found]


def _parsed(text: str) -> Server | None:
    authority = parse_authority(text)
    return (authority.host, int(authority.port)) if authority and authority.port else None


def _listens(proc: Path, port: int) -> bool:
    """Tell whether somebody has the port both for UDP and for TCP, as a DNS server does."""
    return all(_has(proc / "net" / name, port) for name in ("udp", "tcp"))


def _has(path: Path, port: int) -> bool:
    try:
        lines = path.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return False
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines if line.strip())


def _finding(server: Server, told: Told, facts: Facts) -> Finding:
    where = format_listening(server)
    answers: dict[How, Reply | str] = {"UDP": _asked(server, told, tcp=False)}
    answers["TCP"] = _asked(server, told, tcp=True)
    seen = tuple(f"{where} {how}: {_seen(answer)}" for how, answer in answers.items())
    mute = [how for how, answer in answers.items() if isinstance(answer, str)]
    if mute:
        summary = f"The DNS server {where} does not answer over {' and '.join(mute)}"
        return Finding(_CODE, Status.ERROR, summary, seen, _WHY, _ways(server, facts))
    wrong = [how for how, answer in answers.items() if not _is_right(answer, told)]
    if wrong:
        summary = f"The DNS server {where} does not know {told.domain}"
        return Finding(_CODE, Status.ERROR, summary, seen, _WHY, _ways(server, facts))
    return Finding(_CODE, Status.OK, f"{where} answers over UDP and TCP", seen)


def _asked(server: Server, told: Told, *, tcp: bool) -> Reply | str:
    kind: Literal["A", "AAAA"] = "A"
    if told.addresses and all(":" in one for one in told.addresses):
        kind = "AAAA"
    return ask(*server, told.domain or _PROBE, kind, tcp=tcp, within=_WITHIN)


def _is_right(answer: Reply | str, told: Told) -> bool:
    """Tell whether the addresses are the announced ones; without a name, any answer will do."""
    if not told.domain or not told.addresses or isinstance(answer, str):
        return True
    return bool(set(answer.addresses) & set(told.addresses))


def _seen(answer: Reply | str) -> str:
    if isinstance(answer, str):
        return answer
    said = ", ".join(answer.addresses) or f"no address (code {answer.rcode})"
    return f"{said} ({answer.seconds * 1000:.0f} ms)"


def _ways(server: Server, facts: Facts) -> tuple[str, ...]:
    """Return how to have the port for the right program: whatever else holds it has to end."""
    found = {one.pid: one for one in holders(facts.proc, server[1]) if one.pid}
    others = tuple(f"kill {pid}  # {one.name}" for pid, one in found.items())
    again = (
        "ocr-router dns"
        if server == _SIDECAR
        else f"ocr-router serve --dns {format_listening(server)}"
    )
    return (*others, again)


CHECKS = (Check(_CODE, "The fallback DNS server", asking(look)),)
