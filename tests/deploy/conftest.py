"""One machine for all tests that want a real systemd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.booted import Machine, booted


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine that runs real systemd, with a user ``alice`` who is not logged in."""
    with booted(tmp_path_factory.mktemp("machine")) as made:
        yield made
