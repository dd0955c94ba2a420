"""States as they change."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest
from tests.fakes_fleet import FakeOpened
from tests.unit.cli.conftest import NOW, WEB2, Ocr, entry, fleet, web1

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import HostSpec, HostState, Report
from opencoderouter.watch import Watch

ASKING = Entry(HostSpec("web2"))
WELL = entry("web2", Report(HostState.ONLINE, NOW))


class Told(FakeOpened):
    """A fleet that changes as a test says, and ends the program after the last change."""

    async def run(self) -> None:
        """Publish what comes later, then end the program."""
        for one in self.later:
            await asyncio.sleep(0.25)  # the pace of the documents: a fact of the product
            self.fleet.set(one)
        await asyncio.sleep(0.25)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()


@pytest.fixture
def opened() -> Told:
    """Return a host that comes, another whose figures change, and then goes."""
    busy = entry("web2", Report(HostState.ONLINE, NOW, took=9))
    return Told(
        Watch(fleet(ASKING)), later=[fleet(WELL), fleet(busy), fleet(WEB2), fleet(WEB2, web1())]
    )


def test_json_is_a_document_a_line(ocr: Ocr) -> None:
    """One whenever something has changed; figures alone make none. SIGTERM ends it with 0."""
    code, out, err = ocr("hosts", "--watch", "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    states = [{row["alias"]: row["state"] for row in one["hosts"]} for one in documents]
    assert (code, err) == (0, "")
    assert states == [
        {"web2": None},
        {"web2": "online"},
        {"web2": "unreachable"},
        {"web2": "unreachable", "web1": "online"},
    ]
    assert all(one["at"] == NOW for one in documents)


def test_text_is_a_line_a_change(ocr: Ocr) -> None:
    """Of the host that has changed."""
    code, out, _ = ocr("hosts", "--watch")
    assert code == 0
    assert out.splitlines() == [
        "web2  online",
        "web2  unreachable  Connection refused",
        "web1  online",
    ]
