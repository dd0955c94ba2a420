"""What the router's answer means to the checks of names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts

from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.net import Told, asking, read, skipped, told

BODY = {
    "healthy": True,
    "domain": "ocr-al-box.local",
    "addresses": ["192.0.2.1", "fd00::1"],
    "mdns": {"status": "on", "reason": "", "interfaces": ["eth0"]},
    "dns": ["127.0.0.1:53"],
}


def test_a_router_that_announces() -> None:
    """Name, addresses, interfaces and servers are as the router says."""
    found = read(BODY)
    assert found == Told(
        domain="ocr-al-box.local",
        addresses=("192.0.2.1", "fd00::1"),
        mdns="on",
        interfaces=("eth0",),
        dns=("127.0.0.1:53",),
    )
    assert found.announces


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BODY, "domain": None},
        {**BODY, "mdns": {"status": "failed", "reason": "no"}},
        {**BODY, "mdns": None},
        {**BODY, "mdns": 1, "addresses": None, "dns": [1, None]},
        [],
        None,
    ],
)
def test_a_router_that_does_not(body: object) -> None:
    """What is missing, or of another kind, is nothing announced."""
    assert not read(body).announces


def test_asking(tmp_path: Path) -> None:
    """The router is asked; without one, the reason is kept."""
    known = facts(tmp_path, answers={"/api/health": Answered(BODY)})
    assert asyncio.run(told(known)).announces
    without = asyncio.run(told(facts(tmp_path)))
    assert (without.down, without.reason) == (True, "nobody listens")

    async def look() -> str:
        run = asking(lambda _, state: skipped("names", state.domain))
        [finding] = await run(known)
        assert finding.status is Status.SKIPPED
        return finding.summary

    assert asyncio.run(look()) == "ocr-al-box.local"
