"""A small fleet that is made up, to look at: ``docs/fleet.svg`` is the screen with it."""

from __future__ import annotations

import re

from tests.rig.roster import NOW
from tests.rig.stage import stage
from textual.app import App

from opencoderouter.core.fleet.control import Detail, FileChange, Message, Todo
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostSpec,
    HostState,
    Live,
    Load,
    ProjectRef,
    Report,
    Resolved,
    Server,
    Session,
    SessionRef,
    Via,
)
from opencoderouter.core.fleet.preferences import Display, Preferences

SIZE = (120, 32)
DETAIL = Detail(
    messages=(
        Message("user", "Tag 2.4.0 and put it on the staging server."),
        Message("assistant", "All 212 tests pass. I will build the images and push them."),
    ),
    todo=(
        Todo("Write the change log", "completed"),
        Todo("Build and push the images", "in_progress"),
        Todo("Roll out to staging", "pending"),
    ),
    changes=(FileChange("CHANGELOG.md", 18, 2), FileChange("deploy/staging.yaml", 3, 3)),
)
_MINUTE, _HOUR, _DAY, _GIB = 60, 3600, 86_400, 2**30
# host, group, its projects: directory, port of its server or 0, then what its sessions do
_HOSTS: tuple[tuple[str, str, tuple[tuple[str, int, tuple[str, ...]], ...]], ...] = (
    (
        "prod-web",
        "production",
        (
            ("/srv/storefront", 4096, ("Release 2.4.0", "Cache product pages")),
            ("/srv/checkout", 4097, ("Retry payments that failed",)),
        ),
    ),
    ("prod-db", "production", (("/srv/migrations", 0, ("Add an index to orders",)),)),
    ("prod-mail", "production", ()),
    (
        "dev-gpu",
        "development",
        (
            ("/home/kim/tokenizer", 4096, ("Speed up the tokenizer", "Try another vocabulary")),
            ("/home/kim/notebooks", 0, ("Explain the loss curve",)),
        ),
    ),
    ("dev-box", "development", (("/home/kim/atlas", 4098, ("Dark mode", "Upgrade to Node 24")),)),
    ("localhost", "", (("/home/kim/notes", 0, ("Plan the week",)),)),
)
_LIVE = {
    "Release 2.4.0": Live.PERMISSION,
    "Retry payments that failed": Live.BUSY,
    "Speed up the tokenizer": Live.BUSY,
    "Dark mode": Live.IDLE,
}
_ERRORS = {"Upgrade to Node 24": "ContextOverflowError"}
_AGES = {
    "Release 2.4.0": 2 * _MINUTE,
    "Cache product pages": 4 * _HOUR,
    "Retry payments that failed": 3,
    "Add an index to orders": 5 * _HOUR,
    "Speed up the tokenizer": 8,
    "Try another vocabulary": 3 * _DAY,
    "Explain the loss curve": 20 * _HOUR,
    "Dark mode": 4 * _MINUTE,
    "Upgrade to Node 24": 47 * _MINUTE,
    "Plan the week": 2 * _DAY,
}
_ASK = "docker push shop/storefront:2.4.0"


def portrait(now: float = NOW) -> Fleet:
    """Return six hosts in two groups; something works, something waits, something failed."""
    entries = [_entry(at, *host, now) for at, host in enumerate(_HOSTS)]
    return Fleet({entry.host.alias: entry for entry in entries}, next_at=now + 24)


async def picture(theme: str = "nightops") -> str:
    """Return the screen with a session that waits, as SVG."""
    waits = SessionRef("prod-web", _identity("Release 2.4.0"), "/srv/storefront")
    preferences = Preferences(display=Display(theme=theme))
    answers: dict[str, object] = {"detail": DETAIL}
    async with stage(portrait(), size=SIZE, preferences=preferences, answers=answers) as seen:
        main = seen.main
        for alias, _, projects in _HOSTS:
            for directory, _, _ in projects:
                main.change(main.view.opened(ProjectRef(alias, directory)))
        main.reveal(waits)
        while main.details.of(waits) is None:
            await seen.pilot.pause(0.05)
        await seen.settle()
        return _drawn(seen.app)


def _drawn(app: App[None]) -> str:
    """Return the screen as SVG that needs nothing from anywhere: no fonts of other sites."""
    svg = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="ocr"), flags=re.DOTALL)
    fonts = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace"
    svg = re.sub(r"font-family: (?:Fira Code|arial)[^;]*;", f"font-family: {fonts};", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _entry(
    at: int,
    alias: str,
    group: str,
    projects: tuple[tuple[str, int, tuple[str, ...]], ...],
    now: float,
) -> Entry:
    host = HostSpec(alias, group=group, local=alias == "localhost", priority=at)
    resolved = Resolved(alias, f"{alias}.example.com", "kim", 22)
    if not projects:
        report = Report(HostState.UNREACHABLE, at=now - 9, reason="timed out while connecting")
        return Entry(host, resolved, report=report, failures=3, next_at=now + 24)
    report = Report(
        HostState.ONLINE,
        at=now - 6,
        took=0.3,
        via=Via.LOCAL if host.local else Via.FABRIC,
        system="Linux 6.12.9",
        program="/usr/local/bin/opencode",
        version="1.18.33",
        servers=tuple(Server(port, directory=where) for where, port, _ in projects if port),
        sessions=tuple(
            _session(title, where, now) for where, _, all_ in projects for title in all_
        ),
        load=Load(0.6, 8, 32 * _GIB, 21 * _GIB, 500 * _GIB, 230 * _GIB),
    )
    return Entry(host, resolved, report=report, good=report, next_at=now + 24)


def _identity(title: str) -> str:
    return f"ses_{sum(title.encode()) * 7919:010x}kT4w"


def _session(title: str, directory: str, now: float) -> Session:
    live, identity = _LIVE.get(title), _identity(title)
    asks = (Ask(Live.PERMISSION, "per_1", identity, _ASK, since=now - 2 * _MINUTE),)
    return Session(
        identity,
        title=title,
        directory=directory,
        project=directory,
        agent="build",
        model="anthropic/claude-sonnet-4",
        cost=1.18,
        tokens_in=84_200,
        tokens_out=6_900,
        messages=23,
        created=now - _AGES[title] - 2 * _HOUR,
        updated=now - _AGES[title],
        error=_ERRORS.get(title, ""),
        live=live,
        asks=asks if live is Live.PERMISSION else (),
    )
