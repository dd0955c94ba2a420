"""Which DNS server clients are set up for."""

from __future__ import annotations

import asyncio

import pytest
from tests.rig.nameserver import SETTINGS, serving
from tests.rig.ports import free_port
from tests.wire.proxy.own import Router

from opencoderouter.cli.dns_server import of_router, setup, warning
from opencoderouter.proxy.context import Network
from opencoderouter.settings import Settings


@pytest.mark.parametrize(
    ("places", "zone", "options"),
    [
        ([("127.0.0.1", 8053), ("::1", 8053)], None, ""),
        ([("::1", 8053)], "dev.test", " --dns-zone dev.test"),
        ([("192.0.2.7", 53), ("::1", 53)], None, " --server 192.0.2.7:53"),
        ([("::", 53)], "dev.test", " --server [::1]:53 --dns-zone dev.test"),
        ([("0.0.0.0", 8053)], None, ""),
    ],
)
def test_how_clients_come_to_ask(
    places: list[tuple[str, int]], zone: str | None, options: str
) -> None:
    """What is not so by default is named."""
    assert setup(places, zone) == f"ocr-router dns setup{options}"


async def test_who_answers() -> None:
    """Whoever answers anything is no reason for a warning; nobody is."""
    async with serving(SETTINGS) as server:
        assert await asyncio.to_thread(warning, ("127.0.0.1", server.port), None) is None
    words = warning(("127.0.0.1", free_port()), "dev.test")
    assert words is not None
    assert words.startswith("Nobody answers at 127.0.0.1:")


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ((), None),
        (("0.0.0.0:53", "[::1]:53"), ("127.0.0.1", 53)),
        (("192.0.2.7:8053",), ("192.0.2.7", 8053)),
        (("nonsense",), None),
    ],
)
async def test_what_the_router_says(
    told: tuple[str, ...], place: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first server counts, as this machine reaches it; what is none does not."""
    monkeypatch.delenv("OCR_TOKEN", raising=False)
    router = Router(network=Network(dns=told))
    async with router.serving():
        assert await asyncio.to_thread(of_router, Settings(port=router.port)) == place
    assert of_router(Settings(port=router.port)) is None
