"""The next start shows what the last one knew, and trusts nothing that it did not write itself."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.figures import Measure

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    Endpoint,
    HostSpec,
    HostState,
    Live,
    Report,
    Session,
)
from opencoderouter.fleet.cache import CacheFile, keep
from opencoderouter.watch import Watch

NOW = 1_700_000_000.0
SECRET = "Basic b3BlbmNvZGU6aHVzaA=="
ASK = Ask(Live.PERMISSION, "per_1", "ses_1", "rm", endpoint=Endpoint(4096, authorization=SECRET))
GOOD = Report(HostState.ONLINE, NOW - 20, sessions=(Session("ses_1", "Title", asks=(ASK,)),))
BAD = Report(HostState.UNREACHABLE, NOW - 10, reason="refused")
OLD = Report(HostState.ONLINE, NOW - 600)
HOSTS = tuple(map(HostSpec, ("web", "db", "old", "new")))
FLEET = Fleet(
    {
        "web": Entry(HOSTS[0], report=GOOD, good=GOOD),
        "db": Entry(HOSTS[1], report=BAD, good=GOOD, failures=3),
        "old": Entry(HOSTS[2], report=OLD, good=OLD),
        "new": Entry(HOSTS[3]),
        "gone": Entry(HostSpec("gone"), report=GOOD, good=GOOD),
    }
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the cache is, in a directory that is not there yet."""
    return tmp_path / "cache" / "fleet.json"


@pytest.fixture
def file(path: Path) -> CacheFile:
    """Return the cache."""
    return CacheFile(path, lambda: NOW)


def rewritten(path: Path, **changes: object) -> None:
    """Change members of the file."""
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | changes))


def test_comes_back(file: CacheFile) -> None:
    """Each host has its newest report and the last good one; those not in the list are left out."""
    file.save(FLEET)
    found = file.load(HOSTS, 60).entries
    assert list(found) == ["web", "db", "old", "new"]
    assert found["web"].report == found["web"].good == GOOD
    assert (found["db"].report, found["db"].good, found["db"].failures) == (BAD, GOOD, 1)
    assert found["new"] == Entry(HOSTS[3])
    assert all(entry.cached and entry.stale for entry in found.values() if entry.report)


def test_fresh_ones_can_wait(file: CacheFile) -> None:
    """Who was asked less than the TTL ago is asked when it is over, others have no time at all."""
    file.save(FLEET)
    found = file.load(HOSTS, 60).entries
    assert found["web"].next_at == GOOD.at + 60
    assert found["db"].next_at == BAD.at + 60
    assert found["old"].next_at is None
    assert file.load(HOSTS, 5).entries["web"].next_at is None


def test_reports_of_a_clock_ahead(path: Path) -> None:
    """A report from the future is not fresh."""
    CacheFile(path, lambda: NOW).save(FLEET)
    assert CacheFile(path, lambda: NOW - 100).load(HOSTS, 60).entries["web"].next_at is None


def test_private_and_without_secrets(file: CacheFile, path: Path) -> None:
    """Nobody else can read it, and what it says lets nobody in."""
    before = os.umask(0)
    try:
        file.save(FLEET)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert SECRET.split()[1] not in path.read_text()


def test_nothing_yet(file: CacheFile, caplog: pytest.LogCaptureFixture) -> None:
    """A first start has no cache: nothing to be told of."""
    with caplog.at_level(logging.DEBUG):
        assert file.load(HOSTS, 60) == Fleet().of(HOSTS)
    assert not caplog.records


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"shape":"x","hosts":{}}',
    ],
)
def test_damaged_files(
    file: CacheFile, path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no cache of this version is not used, with a line in the log; then it is replaced."""
    file.save(FLEET)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert file.load(HOSTS, 60) == Fleet().of(HOSTS)
    assert len([one for one in caplog.messages if one.startswith("cache not used")]) == 1
    file.save(FLEET)
    assert file.load(HOSTS, 60).entries["web"].report == GOOD


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        None,
        {"web": []},
        {"web": None},
        {"web": "text"},
        {"web": [[]]},
        {"web": [["online"]]},
        {"web": {"a": 1}},
    ],
)
def test_damaged_rows(
    file: CacheFile, path: Path, hosts: object, caplog: pytest.LogCaptureFixture
) -> None:
    """One row that is none, and the file is not used."""
    file.save(FLEET)
    rewritten(path, hosts=hosts)
    with caplog.at_level(logging.WARNING):
        assert file.load(HOSTS, 60) == Fleet().of(HOSTS)
    assert "damaged" in caplog.text


def test_another_version(file: CacheFile, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file whose rows have other fields is not used, whatever is in it."""
    file.save(FLEET)
    rewritten(path, shape="00000000")
    with caplog.at_level(logging.WARNING):
        assert file.load(HOSTS, 60) == Fleet().of(HOSTS)
    assert "another version" in caplog.text


def test_open_to_others(file: CacheFile, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that others could have written is not used."""
    file.save(FLEET)
    path.chmod(0o666)
    with caplog.at_level(logging.WARNING):
        assert file.load(HOSTS, 60) == Fleet().of(HOSTS)
    assert "other users" in caplog.text


def test_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that cannot be written is a line in the log."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        CacheFile(tmp_path / "file" / "fleet.json", lambda: NOW).save(FLEET)
    assert "cache not written" in caplog.text


async def test_written_after_a_sweep() -> None:
    """While a sweep runs nothing is saved, nor what was loaded, nor the same twice."""
    loop, saved = asyncio.get_running_loop(), asyncio.Queue[Fleet]()
    watch = Watch(FLEET)
    later = replace(FLEET, entries={**FLEET.entries})

    def save(fleet: Fleet) -> None:
        loop.call_soon_threadsafe(saved.put_nowait, fleet)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(keep(watch, save))
        for fleet in (replace(FLEET, next_at=1.0), replace(later, sweeping=True), later):
            watch.set(fleet)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert await saved.get() is later
        watch.set(replace(later, next_at=1.0))
        last = replace(FLEET, entries={})
        watch.set(last)
        assert await saved.get() is last
        task.cancel()


def test_a_large_fleet(tmp_path: Path, measure: Measure) -> None:
    """200 hosts with 5,000 sessions: all of it comes back; how fast is a figure of the run."""
    hosts = tuple(HostSpec(f"host-{number}") for number in range(200))
    title = "Some words about what is to be done there, as a person has written them"
    sessions = tuple(
        Session(f"ses_{n:026d}", title, f"/srv/{n % 7}", cost=n / 7, messages=n, live=Live.IDLE)
        for n in range(25)
    )
    report = Report(HostState.ONLINE, NOW, sessions=sessions)
    fleet = Fleet({host.alias: Entry(host, report=report, good=report) for host in hosts})
    file = CacheFile(tmp_path / "fleet.json", lambda: NOW)
    file.save(fleet)
    began = time.process_time()
    found = file.load(hosts, 60)
    measure("cache of 5,000 sessions loaded", [time.process_time() - began])
    assert sum(len(entry.sessions) for entry in found.entries.values()) == 5_000
