"""A LAN for the tests of a file: three hosts, and avahi on the one that looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.avahi import avahi, why_no_avahi
from tests.rig.lan import Host, Lan, lan, why_no_lan


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is in this folder where there can be no LAN."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    if here and (reason := why_no_lan() or why_no_avahi()):
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    """Make a LAN."""
    with lan(tmp_path_factory.mktemp("lan")) as made:
        yield made


@pytest.fixture(scope="module")
def one(net: Lan) -> Iterator[Host]:
    """Plug in a host."""
    with net.host("one", 1) as host:
        yield host


@pytest.fixture(scope="module")
def two(net: Lan) -> Iterator[Host]:
    """Plug in another host."""
    with net.host("two", 2) as host:
        yield host


@pytest.fixture(scope="module")
def visitor(net: Lan) -> Iterator[Host]:
    """Plug in the host that looks for the others; it has avahi."""
    with net.host("visitor", 9) as host, avahi(host):
        yield host
