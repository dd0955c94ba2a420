"""Accepted routers in a file, and how soon a change of it is known."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opencoderouter.announce.accepted import Acceptance, AcceptedFile, accepted
from opencoderouter.core.peers import Accepted
from opencoderouter.private import Damaged, NotPrivate

BOB = Accepted("ocr-bob-den", ("192.0.2.7", "2001:db8::7"), 8080)
AMY = Accepted("ocr-amy-den", ("192.0.2.8",), 8080)
ENTRY: dict[str, Any] = {"label": "ocr-bob-den", "addresses": ["192.0.2.7"], "port": 8080}
SOON = 20.0  # seconds that a change may take on a busy machine: it is a bound, not a measure


@pytest.fixture
def file(tmp_path: Path) -> AcceptedFile:
    """Return the file in a state directory that is not there yet."""
    return AcceptedFile(tmp_path / "state" / "peers.json")


def test_first_run(file: AcceptedFile) -> None:
    """Without a file nobody is accepted, and asking leaves nothing behind."""
    assert file.load() == ()
    assert not file.path.parent.exists()


def test_added_and_removed(file: AcceptedFile) -> None:
    """A router is read as it was accepted, in a file that is ours alone; one of a label."""
    file.add(BOB)
    file.add(AMY)
    assert file.load() == (AMY, BOB)
    assert file.path.stat().st_mode & 0o777 == 0o600
    moved = Accepted("ocr-bob-den", ("192.0.2.9",), 8080)
    file.add(moved)
    assert file.load() == (AMY, moved)
    assert file.remove("ocr-amy-den") == AMY
    assert file.remove("ocr-amy-den") is None
    assert file.load() == (moved,)


def test_none_is_lost(file: AcceptedFile) -> None:
    """Many may be accepted at once."""
    labels = [f"ocr-{n}" for n in range(20)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda label: file.add(Accepted(label, ("192.0.2.7",), 8080)), labels))
    assert [peer.label for peer in file.load()] == sorted(labels)


@pytest.mark.parametrize(
    "change",
    [
        {"label": "a b"},
        {"label": 1},
        {"addresses": []},
        {"addresses": "192.0.2.7"},
        {"addresses": ["evil.test"]},
        {"addresses": [1]},
        {"addresses": ["fe80::1%eth0"]},
        {"addresses": ["192.0.2.7"] * 65},
        {"port": 0},
        {"port": 65536},
        {"port": "8080"},
        {"more": 1},
    ],
)
def test_no_entry(file: AcceptedFile, change: dict[str, Any]) -> None:
    """What is not understood is not used, and nothing is lost by adding to it."""
    assert accepted(ENTRY) == Accepted("ocr-bob-den", ("192.0.2.7",), 8080)
    assert accepted({**ENTRY, **change}) is None
    file.add(AMY)
    text = json.dumps({"peers": [{**ENTRY, **change}]})
    file.path.write_text(text)
    with pytest.raises(Damaged):
        file.load()
    with pytest.raises(Damaged):
        file.add(BOB)
    assert file.path.read_text() == text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"peers": {}}', '{"peers": [], "x": 1}', "[" * 9000]
)
def test_damaged(file: AcceptedFile, text: str) -> None:
    """A file with anything else in it is damaged."""
    file.add(BOB)
    file.path.write_text(text)
    with pytest.raises(Damaged):
        file.load()


def test_open_to_others(file: AcceptedFile) -> None:
    """What others could have written is not believed."""
    file.add(BOB)
    file.path.chmod(0o666)
    with pytest.raises(NotPrivate):
        file.load()


@asynccontextmanager
async def following(file: AcceptedFile) -> AsyncIterator[Acceptance]:
    """Have changes noticed while the block runs."""
    acceptance = Acceptance(file)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(acceptance.run())
        yield acceptance
        task.cancel()


async def holds(acceptance: Acceptance, wanted: Callable[[tuple[Accepted, ...]], bool]) -> None:
    """Return when what is accepted is as wanted."""
    async with asyncio.timeout(SOON):
        async for found in acceptance.watch.follow():
            if wanted(found):
                return


async def test_changes_are_noticed(file: AcceptedFile) -> None:
    """Who is accepted while the router runs is, and who is no longer, is not."""
    async with following(file) as acceptance:
        file.add(BOB)
        await holds(acceptance, lambda found: found == (BOB,))
        file.remove(BOB.label)
        await holds(acceptance, lambda found: found == ())


async def test_damage_ends_all_trust(file: AcceptedFile, caplog: pytest.LogCaptureFixture) -> None:
    """While the file cannot be understood nobody is accepted, which is told once."""
    file.add(BOB)
    async with following(file) as acceptance:
        await holds(acceptance, lambda found: found == (BOB,))
        file.path.write_text("{")
        await holds(acceptance, lambda found: found == ())
        file.path.write_text("{{")
        file.path.unlink()
        file.add(AMY)
        await holds(acceptance, lambda found: found == (AMY,))
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
        f"peers not read error={file.path}: is damaged: no JSON"
    ]


class Failing(AcceptedFile):
    """A file that cannot be read once, for a reason that passes, after it was asked to fail."""

    fails = False

    def load(self) -> tuple[Accepted, ...]:
        """Return what is in it, or fail."""
        if self.fails:
            self.fails = False
            raise OSError(24, "Too many open files", str(self.path))
        return super().load()


async def test_a_moment_without_the_file(
    file: AcceptedFile, caplog: pytest.LogCaptureFixture
) -> None:
    """When the file cannot be read for another reason, all stays, and it is read again."""
    file.add(BOB)
    failing = Failing(file.path)
    async with following(failing) as acceptance:
        await holds(acceptance, lambda found: found == (BOB,))
        failing.fails = True
        file.add(AMY)
        await holds(acceptance, lambda found: found == (AMY, BOB))
    assert "Too many open files" in caplog.text
