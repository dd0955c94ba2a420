"""One real SSH server for all tests of links."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.harbour import Harbour
from tests.rig.harbour import harbour as run_harbour
from tests.rig.sshd import sshd


@pytest.fixture(scope="session", name="harbour")
def _harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    """Run the server."""
    with sshd(tmp_path_factory.mktemp("sshd")) as server, run_harbour(server) as made:
        yield made
