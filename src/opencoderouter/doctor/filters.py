"""What a packet filter does with a newcomer's packet, as far as its rules can be understood.

Rules are as ``iptables -S`` prints them. Whatever is not understood makes the verdict unsure.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Literal

Verdict = Literal["accept", "drop", "unsure", "next", "return"]
Match = Literal["yes", "no", "maybe"]
_DROPS = frozenset({"DROP", "REJECT"})
_PASSING = frozenset(
    "LOG NFLOG ULOG TRACE MARK CONNMARK NOTRACK CT TOS DSCP CHECKSUM AUDIT".split()
)
_LAST = 65535
_DEPTH = 16  # chains in chains; deeper is a circle
_MODULES = frozenset("tcp udp multiport conntrack state comment addrtype".split())
_SAID = frozenset("-j -g -m --comment --reject-with".split())  # says nothing about the packet


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of somebody else on the network: ``protocol`` is ``tcp`` or ``udp``.

    ``group`` are the multicast addresses it may go to, with commas; empty for one that goes to this
    machine alone.
    """

    protocol: str
    port: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a packet, and the rule that says so, or that is not understood."""

    verdict: Verdict
    rule: str = ""


@dataclass(slots=True)
class Rules:
    """Chains by name, each rule as its words; ``policies`` of the chains that have one."""

    chains: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)


_NEXT = Judged("next")


def parse(text: str) -> Rules:
    """Read what ``iptables -S`` printed; lines of another form are left out."""
    rules = Rules()
    for line in text.splitlines():
        try:
            kind, chain, *rest = shlex.split(line)
        except ValueError:
            continue
        if kind == "-P" and rest:
            rules.policies[chain] = rest[0]
        elif kind == "-N":
            rules.chains.setdefault(chain, [])
        elif kind == "-A":
            rules.chains.setdefault(chain, []).append(tuple(rest))
    return rules


def judge(rules: Rules, packet: Packet) -> Judged:
    """Return what becomes of a packet that comes in: accepted, dropped, or one is not sure."""
    policy = rules.policies.get("INPUT", "ACCEPT")
    last = Judged("drop" if policy in _DROPS else "accept", f"-P INPUT {policy}")
    return _chain(rules, packet, "INPUT", last)


def _chain(
    rules: Rules, packet: Packet, chain: str, last: Judged = _NEXT, depth: int = 0
) -> Judged:
    """Return what the first rule that decides says; ``last`` when none does.

    A rule that may be for the packet or not does not matter where it decides the same.
    """
    doubts: list[Judged] = []
    end = last
    for words in rules.chains.get(chain, []):
        does = _action(rules, words, packet, depth)
        match = "no" if does.verdict == "next" else _matches(words, packet)
        if does.verdict == "return":
            does = last
        if match == "yes":
            end = does
            break
        if match == "maybe":
            doubts.append(Judged(does.verdict, shlex.join(("-A", chain, *words))))
    other = next((one for one in doubts if one.verdict != end.verdict), None)
    return Judged("unsure", other.rule) if other else end


def _action(rules: Rules, words: Sequence[str], packet: Packet, depth: int) -> Judged:
    """Return what a rule does with a packet that it is for."""
    targets = [values[0] for _, name, values in _options(words) if name in {"-j", "-g"} and values]
    target, text = "".join(targets[:1]), shlex.join(words)
    if target in _PASSING or not target:
        return _NEXT
    if target in rules.chains and depth < _DEPTH:
        return _chain(rules, packet, target, depth=depth + 1)
    if target in {"RETURN", "ACCEPT"}:
        return Judged("return" if target == "RETURN" else "accept", text)
    return Judged("drop" if target in _DROPS else "unsure", text)


def _options(words: Sequence[str]) -> list[tuple[bool, str, tuple[str, ...]]]:
    """Return the options of a rule, each with whether it is negated, and its values."""
    found: list[tuple[bool, str, tuple[str, ...]]] = []
    negated = False
    for word in words:
        if word == "!":
            negated = True
        elif word.startswith("-") or not found:
            found.append((negated, word, ()))
            negated = False
        else:
            before, name, values = found[-1]
            found[-1] = (before, name, (*values, word))
    return found


def _matches(words: Sequence[str], packet: Packet) -> Match:
    """Tell whether a rule is for a new packet of somebody on the network."""
    answers = [_answer(one, packet) for one in _options(words)]
    if "no" in answers:
        return "no"
    return "maybe" if "maybe" in answers else "yes"


def _answer(option: tuple[bool, str, tuple[str, ...]], packet: Packet) -> Match:
    negated, name, values = option
    if name in _SAID:
        return "maybe" if name == "-m" and not _MODULES.issuperset(values) else "yes"
    test = _TESTS.get(name)
    said = test(",".join(values), packet) if test else None
    if said is None:
        return "maybe"
    return "yes" if said != negated else "no"


def _is_to(value: str, packet: Packet) -> bool | None:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return None
    if packet.group:
        groups = [ip_address(one) for one in packet.group.split(",")]
        return any(one.version == network.version and one in network for one in groups)
    return False if network.is_multicast else None


def _is_kind(value: str, packet: Packet) -> bool:
    return value == ("MULTICAST" if packet.group else "LOCAL")


def _holds(ports: str, packet: Packet) -> bool:
    for part in ports.split(","):
        first, mark, last = part.partition(":")
        low = int(first) if first.isdecimal() else 0
        high = int(last) if last.isdecimal() else (_LAST if mark else low)
        if low <= packet.port <= high:
            return True
    return False


# What each option says of a packet; None where that is not known.
_TESTS: Mapping[str, Callable[[str, Packet], bool | None]] = {
    "-p": lambda value, packet: value in {packet.protocol, "all"},
    "-i": lambda value, _: False if value == "lo" else None,
    "-d": _is_to,
    "--dst-type": _is_kind,
    "--ctstate": lambda value, _: "NEW" in value.split(","),
    "--state": lambda value, _: "NEW" in value.split(","),
    "--dport": _holds,
    "--dports": _holds,
}
