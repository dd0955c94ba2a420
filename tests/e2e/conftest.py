"""The real things that the end-to-end tests share: servers cost seconds and half a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.fleet import Fleet
from tests.rig.model import model_server
from tests.rig.opencode import Rig
from tests.rig.opencode import rig as make_rig
from tests.rig.projects import repository
from tests.rig.router import router


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Return a home and a model for real servers."""
    with model_server() as model, make_rig(tmp_path_factory.mktemp("home"), model) as rig:
        yield rig


@pytest.fixture(scope="session")
def fleet(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a router and two projects that no test may end."""
    # Other OpenCode servers of this user are in the table too: names of this run's own.
    folder = tmp_path_factory.mktemp("fleet")
    alpha, beta = (repository(folder / f"{name}-{rig.mark}") for name in ("alpha", "beta"))
    with router([alpha, beta], environment=rig.environment(), log=folder / "log") as running:
        yield Fleet(running, alpha, beta)
