"""Who listens on a host, asked before something is done there."""

from __future__ import annotations

import pytest
from tests.fakes_link import UNREACHED, FakeLink

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.model import Server, Unreached
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.servers import places


def listing(text: str) -> FakeLink:
    """Return a host whose script prints this, ``N`` being the nonce."""

    def run(command: str, stdin: bytes) -> Completed:
        assert command == "exec /bin/sh -s"
        nonce = stdin.partition(b"\n")[0].removeprefix(b"nonce=").decode()
        return Completed(0, text.replace("N", nonce).encode(), b"")

    return FakeLink(runs=run)


async def test_places() -> None:
    """Servers come as the script tells of them."""
    cwd, argv = b"/p\n".hex(), b"opencode\0serve".hex()
    text = f"N begin 1\nN part servers\nserver 7 0100007F:1000 {cwd} {argv} -\nN said 0\n\n"
    found = await places(listing(f"{text}N done servers\nN end\n"), within=1)
    assert isinstance(found, tuple)
    assert [place.server for place in found] == [Server(4096, pid=7, directory="/p")]


@pytest.mark.parametrize("text", ["", "motd\n", "N begin 1\nN part servers\nserver"])
async def test_not_told(text: str) -> None:
    """An answer that is not whole is none: an action must not go by half of it."""
    assert await places(listing(text), within=1) == Failed("the host does not tell who listens")


async def test_unreached() -> None:
    """A host that is not reached says so, with what mends it."""

    def gone(_command: str, _stdin: bytes) -> Unreached:
        return UNREACHED

    expected = Failed("no route", mend=("ping it",))
    assert await places(FakeLink(runs=gone), within=1) == expected
