"""Every line of the threat model, acted out against a real router."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
from tests.rig.lan import why_no_lan
from tests.rig.netns import why_no_network
from tests.rig.processes import MARK, assert_gone
from tests.rig.stranger import why_no_stranger
from tests.threats import (
    agents,
    browser,
    fleet,
    machine,
    names,
    network,
    posing,
    questions,
    spills,
    tokens,
)
from tests.threats.row import Row
from tests.threats.world import World

from opencoderouter.kernel.kin import Kin
from opencoderouter.kernel.namespaces import tells_users_apart
from opencoderouter.kernel.peers import peers

MODULES = (machine, agents, network, names, posing, questions, browser, tokens, spills, fleet)
ROWS: tuple[Row, ...] = tuple(chain.from_iterable(module.ROWS for module in MODULES))
WHY_NOT = {"stranger": why_no_stranger, "network": why_no_network, "lan": why_no_lan}


def _why_nobody_is_free() -> str:
    """Return why not even the user who runs the tests comes in without a password here."""
    if sys.platform != "linux" or peers() is None:
        return "needs a kernel that tells whose a socket is"
    if not tells_users_apart():
        return "needs the machine's own user namespace"
    with socket.socket() as mine:
        is_agents = Kin().agents({os.fstat(mine.fileno()).st_ino})
    return "an agent of OpenCode's runs the tests, and is not its user" if is_agents else ""


pytestmark = pytest.mark.skipif(bool(_why_nobody_is_free()), reason=_why_nobody_is_free() or "-")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Make the machine; its routers start when they are asked for, and nothing of them is left."""
    with tempfile.TemporaryDirectory(prefix="ocr-threats-") as name, ExitStack() as end:
        folder = Path(name)
        folder.chmod(0o755)
        end.callback(assert_gone, name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(MARK, name)
            yield World(folder, end)
            end.close()


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_threat(row: Row, world: World) -> None:
    """What somebody wants is not to be had."""
    for need in row.needs:
        if why := WHY_NOT[need]():
            pytest.skip(why)
    row.does(world)
