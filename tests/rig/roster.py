"""A fleet that is made up, always the same: many hosts, many sessions, each kind of trouble."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from random import Random

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    Failure,
    HostSpec,
    HostState,
    Live,
    Load,
    Report,
    Router,
    Server,
    Session,
    Via,
)

NOW = 1_800_000_000.0
_NAMES = ("api", "atlas", "gpu", "ml", "web", "db", "edge", "build", "cache", "mail")
_GROUPS = {"prod": "production", "dev": "development", "": ""}
_FOLDERS = (
    "work/storefront",
    "work/billing-service",
    "work/login",
    "src/opencoderouter",
    "src/atlas",
    "experiments/tokenizer",
    "infra/terraform",
    "notes",
)
_VERBS = ("Fix", "Refactor", "Add", "Explain", "Review", "Speed up", "Remove", "Test")
_THINGS = (
    "the login form",
    "retry of failed payments",
    "flaky integration tests",
    "the cache of product pages",
    "tokenizer edge cases",
    "nightly build",
    "WebSocket reconnects",
    "a memory leak in the worker",
    "the CSV export",
    "dark mode",
)
_AGENTS = ("build", "plan", "general")
_MODELS = ("anthropic/claude-sonnet-4", "openai/gpt-5", "local/qwen3-coder")
_TROUBLE: dict[int, tuple[HostState, str]] = {
    5: (HostState.UNREACHABLE, "connection refused"),
    11: (HostState.AUTH_REQUIRED, "password, keyboard-interactive"),
    17: (HostState.HOST_KEY_CHANGED, "the key is not the one in known_hosts"),
    23: (HostState.BLOCKED, "jump host prod-web-05 is not reached"),
    29: (HostState.NO_OPENCODE, ""),
    31: (HostState.UNREACHABLE, "timed out while connecting"),
}


def made_up(hosts: int = 12, sessions: int = 60, now: float = NOW) -> Fleet:
    """Return a fleet of so many hosts, with so many sessions on those that answer."""
    random = Random(7)  # noqa: S311 - the same fleet each time
    specs = [_spec(number) for number in range(hosts)]
    reached = [spec for spec in specs if _state(spec, specs) is HostState.ONLINE]
    shares: dict[str, list[Session]] = {spec.alias: [] for spec in specs}
    for number, spec in enumerate(islice(cycle(reached), sessions)):
        shares[spec.alias].append(_session(number, random, now))
    entries = [_entry(spec, specs, tuple(shares[spec.alias]), now) for spec in specs]
    return Fleet({entry.host.alias: entry for entry in entries}, next_at=now + 24)


def quiet(fleet: Fleet) -> Fleet:
    """Return the fleet with nothing that thinks: nothing on the screen has to turn."""
    entries = {}
    for alias, entry in fleet.entries.items():
        if entry.good is None:
            entries[alias] = entry
            continue
        still = tuple(replace(one, live=Live.IDLE, asks=()) for one in entry.good.sessions)
        report = replace(entry.good, sessions=still)
        entries[alias] = replace(entry, good=report, report=report)
    return replace(fleet, entries=entries)


def _spec(number: int) -> HostSpec:
    kind = ("prod", "dev", "")[number % 3]
    name = _NAMES[number % len(_NAMES)]
    alias = f"{kind}-{name}-{number:02}" if kind else f"{name}{number:02}"
    return HostSpec(alias, label="Main API" if number == 0 else "", group=_GROUPS[kind])


def _state(spec: HostSpec, specs: list[HostSpec]) -> HostState:
    return _TROUBLE.get(specs.index(spec) % 37, (HostState.ONLINE, ""))[0]


def _entry(
    spec: HostSpec, specs: list[HostSpec], sessions: tuple[Session, ...], now: float
) -> Entry:
    number = specs.index(spec)
    state, reason = _TROUBLE.get(number % 37, (HostState.ONLINE, ""))
    report = _report(number, state, reason, sessions, now)
    entry = Entry(spec, report=report, good=report if report.reached else None, next_at=now + 24)
    if number % 37 == 31:
        good = replace(_report(number, HostState.ONLINE, "", (), now), at=now - 400)
        return replace(entry, good=good, failures=4)
    return replace(entry, failures=0 if report.reached else 2)


def _report(
    number: int, state: HostState, reason: str, sessions: tuple[Session, ...], now: float
) -> Report:
    online = state is HostState.ONLINE
    mend = ("ssh-keygen -R prod-gpu-17",) if state is HostState.HOST_KEY_CHANGED else ()
    return Report(
        state,
        at=now - number % 20,
        took=0.1 + number % 7 / 10,
        reason=reason,
        mend=mend,
        via=Via.OPENSSH if number % 9 == 4 else Via.FABRIC,
        via_reason="known_hosts has a certificate authority" if number % 9 == 4 else "",
        system="Linux 6.12.9" if online else "",
        program="/usr/local/bin/opencode" if online else "",
        version="1.18.33" if online else "",
        servers=_servers(number) if online else (),
        router=Router(7777, "0.1.0", 812) if online and number % 4 == 0 else None,
        sessions=sessions,
        load=_load(number) if online else None,
        failures=(Failure("live", "forwarding is refused"),) if online and number % 13 == 6 else (),
    )


def _servers(number: int) -> tuple[Server, ...]:
    folder = _FOLDERS[number % len(_FOLDERS)]
    return (Server(4096 + number % 50, pid=3000 + number, directory=f"/home/dev/{folder}"),)


def _load(number: int) -> Load:
    gib = 2**30
    return Load(number % 11 / 2, 8, 32 * gib, (3 + number % 20) * gib, 500 * gib, 120 * gib)


def _session(number: int, random: Random, now: float) -> Session:
    age = random.choice((30, 240, 1800, 7200, 40_000, 300_000, 3_000_000)) * random.uniform(0.5, 1)
    live = _live(number)
    identity = f"ses_{number:05d}{random.getrandbits(48):012x}"
    folder = f"/home/dev/{_FOLDERS[random.randrange(len(_FOLDERS))]}"
    return Session(
        identity,
        title=f"{random.choice(_VERBS)} {random.choice(_THINGS)}",
        directory=folder,
        project=folder,
        agent=_AGENTS[number % 3],
        model=random.choice(_MODELS),
        cost=round(random.uniform(0, 3), 4),
        tokens_in=random.randrange(200_000),
        tokens_out=random.randrange(20_000),
        messages=random.randrange(1, 90),
        created=now - age - 5000,
        updated=now - (5 if live else age),
        archived=now - age if number % 41 == 40 else None,
        error="ProviderAuthError" if number % 17 == 16 else "",
        live=live,
        asks=_asks(number, identity, now),
    )


def _live(number: int) -> Live | None:
    return {3: Live.BUSY, 8: Live.BUSY, 12: Live.PERMISSION}.get(number % 60)


def _asks(number: int, identity: str, now: float) -> tuple[Ask, ...]:
    if _live(number) is not Live.PERMISSION:
        return ()
    text = "bash: rm -rf build/ && make release"
    return (Ask(Live.PERMISSION, f"per_{number}", identity, text, since=now - 90),)
