"""Whether the fallback DNS server answers, over UDP and TCP, and rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opencoderouter.announce.query import Reply, ask
from opencoderouter.core.hosts import parse_authority
from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.net import Told, asking, skipped
from opencoderouter.fields import format_listening
from opencoderouter.kernel.addresses import interfaces, is_here
from opencoderouter.kernel.holders import holders

_CODE = "dns"
_WITHIN = 0.8  # seconds for one answer
_SIDECAR = ("127.0.0.1", 8053)  # where `ocr-router dns` listens, if nobody says otherwise
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a key
_WHY = "Clients that mDNS does not reach find no name of a project."
# Where no name of our own is known: answered without asking the network, which takes its time.
_PROBE = "local"
_OURS = {"ocr-router", "opencoderouter"}

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
    return {one.over for one in holders(port, proc=proc)} == {"UDP", "TCP"}


def _finding(server: Server, told: Told, facts: Facts) -> Finding:
    where = format_listening(server)
    if not is_here(server[0]):
        return _nowhere(server)
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


def _nowhere(server: Server) -> Finding:
    address, port = server
    own = [one for face in interfaces() for one in face.addresses]
    return Finding(
        _CODE,
        Status.ERROR,
        f"--dns {format_listening(server)}: {address} is no address of this machine",
        (f"its addresses: {', '.join(own)}",),
        _WHY,
        (f"ocr-router serve --dns 127.0.0.1:{port}",),
    )


def _asked(server: Server, told: Told, *, tcp: bool) -> Reply | str:
    kind: Literal["A", "AAAA"] = "A"
    if told.addresses and all(":" in one for one in told.addresses):
        kind = "AAAA"
    name = told.domain if told.domain and told.addresses else _PROBE
    return ask(*server, name, kind, tcp=tcp, within=_WITHIN)


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
    address, port = server
    found = {
        one.pid: one.name for one in holders(port, address=address, proc=facts.proc) if one.pid
    }
    others = tuple(f"kill {pid}  # {name}" for pid, name in found.items() if name not in _OURS)
    ours = next((pid for pid, name in found.items() if name in _OURS), None)
    again = (
        "ocr-router dns"
        if server == _SIDECAR
        else f"ocr-router serve --dns {format_listening(server)}"
    )
    return (*others, f"Stop ocr-router (pid {ours}) and start it again: {again}" if ours else again)


CHECKS = (Check(_CODE, "The fallback DNS server", asking(look)),)
