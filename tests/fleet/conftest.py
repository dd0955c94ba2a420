"""The real SSH servers that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.armada import Armada, armada, why_no_armada
from tests.rig.crew import Crew, crew
from tests.rig.model import model_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is in this folder where there can be no such servers."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    if here and (reason := why_no_armada()):
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", name="armada")
def _armada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Armada]:
    """Run the servers."""
    with armada(tmp_path_factory.mktemp("armada")) as running:
        yield running


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    """Run the model that the hosts' OpenCode asks."""
    with model_server() as url:
        yield url


@pytest.fixture(scope="session", name="crew")
def _crew(armada: Armada, model: str) -> Iterator[Crew]:
    """Give the hosts' accounts an OpenCode that can work."""
    with crew(armada, model) as hired:
        yield hired
