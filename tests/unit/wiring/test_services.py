"""What finds, starts and serves."""

from __future__ import annotations

from pathlib import Path

from opencoderouter.registry import Registry
from opencoderouter.settings import Settings
from opencoderouter.wiring import services
from opencoderouter.wiring.opencode import opencode_client

SETTINGS = Settings(
    port=9000, username="Rig", grace="7s", auth="always", state_dir=Path("/state"), scan_start=31000
)


def test_a_worker_knows_what_it_needs() -> None:
    """What the owner was told holds for its workers, too."""
    told = services.start(SETTINGS)
    assert (told.names.owner, told.grace, told.auth, told.tls) == ("rig", 7, "always", None)
    assert told.audit == Path("/state/audit.jsonl")


async def test_what_finds_and_what_starts() -> None:
    """All can be made before anything runs; nobody has been started or found."""
    registry = Registry()
    async with opencode_client(SETTINGS.probe_timeout) as client:
        launcher = services.launcher(SETTINGS, registry, client, ["opencode"])
        scanner = services.scanner(SETTINGS, registry, client, launcher, str)
        assert services.named(SETTINGS, registry, client) is not None
        assert launcher.managed == {}
        assert not scanner.ready.is_set()
