"""The DNS server as the router makes it."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from tests.rig.ports import free_port

from opencoderouter.announce.dns.binding import Unbound
from opencoderouter.core.announcement import PROJECT, Announcement, Service
from opencoderouter.settings import Settings
from opencoderouter.watch import Watch
from opencoderouter.wiring.resolver import resolver

TOLD = Announcement(frozenset({Service(PROJECT, "app-alice", 8080)}), ("192.0.2.7",))


async def test_answers_for_what_is_told() -> None:
    """The names are there in both zones, as the settings say; nobody is asked for others."""
    settings = Settings(dns_zone="dev.test", dns_claim_local=True)
    dns = resolver(settings, (("127.0.0.1", free_port()),), Watch(TOLD), None)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(dns.run())
        (place,) = dns.places

        async def ask(*question: str) -> str:
            asked = ["dig", "+short", "+tries=1", f"@{place[0]}", f"-p{place[1]}", *question]
            done = await asyncio.to_thread(
                subprocess.run, asked, check=True, stdout=subprocess.PIPE, text=True
            )
            return done.stdout.strip()

        assert await ask("app-alice.local") == "192.0.2.7"
        assert await ask("app-alice.dev.test") == "192.0.2.7"
        assert await ask("local", "SOA")
        assert not await ask("nobody.local")
        running.cancel()


async def test_a_place_is_taken() -> None:
    """It is refused before anything runs."""
    port = free_port()
    first = resolver(Settings(), (("127.0.0.1", port),), Watch(TOLD), None)
    with pytest.raises(Unbound, match="is taken by"):
        resolver(Settings(), (("127.0.0.1", port),), Watch(TOLD), None)
    first.close()
