"""Which tests can run here, the container engines, and the figures that a run measured."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import pytest
import uvloop
from tests.rig import engine as engines
from tests.rig import image, workers
from tests.rig.engine import Engine, MissingEngineError
from tests.rig.figures import Measure, summary

NEEDS = {
    "e2e": ("opencode",),
    "browser": ("chromium", "libatomic.so.1"),  # Playwright's driver is linked with it
    "sshd": ("ssh", "/usr/sbin/sshd", "autossh", "curl", "jq"),
}
# Folders of what is shipped: whoever comes first waits for engines, images and packages.
_SHIPPED = {"container", "deploy", "nix", "release"}
_PATIENCE = 300  # seconds
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, LoopFactory] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
_FIGURES = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--slow``, ``--workers`` and ``--loop``."""
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes, too")
    text = "processes of each router that a test runs"
    parser.addoption("--workers", type=int, default=1, help=text)
    text = "event loop of asynchronous tests"
    parser.addoption("--loop", choices=sorted(LOOPS), default="asyncio", help=text)


def pytest_asyncio_loop_factories(config: pytest.Config) -> dict[str, LoopFactory]:
    """Run asynchronous tests on the loop that was asked for."""
    name = config.getoption("--loop")
    return {name: LOOPS[name]}


def pytest_configure(config: pytest.Config) -> None:
    """Make room for figures; let routers know how many they are."""
    workers.count = config.getoption("--workers")
    config.stash[_FIGURES] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what has no real part to run with; the reason names the part. Be patient with images."""
    missing = {
        mark: [part for part in parts if not (shutil.which(part) or _library(part))]
        for mark, parts in NEEDS.items()
    }
    for item in items:
        for mark, parts in missing.items():
            if parts and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(parts)}"))
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: --slow"))
        if item.path.parent.name in _SHIPPED:
            item.add_marker(pytest.mark.timeout(_PATIENCE))


def _library(name: str) -> bool:
    try:
        return ".so" in name and ctypes.CDLL(name) is not None
    except OSError:
        return False


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures."""
    figures = config.stash[_FIGURES]
    if figures:
        terminalreporter.section("figures")
    for name, text in figures.items():
        terminalreporter.line(f"{name}: {text}")


@pytest.fixture(scope="session")
def measure(request: pytest.FixtureRequest) -> Measure:
    """Return what keeps a series of seconds for the end of the run: how long things took."""

    def keep(name: str, seconds: Sequence[float]) -> None:
        request.config.stash[_FIGURES][name] = summary(seconds)

    return keep


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """Return how often to do what may go well by luck: 20 times with ``--slow``."""
    return 20 if request.config.getoption("--slow") else 2


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return Docker."""
    yield from _here(engines.docker(tmp_path_factory.mktemp("docker")))


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return Podman."""
    yield from _here(engines.podman(tmp_path_factory.mktemp("podman")))


def _here(opening: AbstractContextManager[Engine]) -> Iterator[Engine]:
    try:
        with opening as engine:
            yield engine
    except MissingEngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def docker_image(docker: Engine) -> str:
    """Return the id of the image in Docker, where its name is ``opencoderouter``."""
    return image.build(docker)


@pytest.fixture(scope="session")
def podman_image(podman: Engine) -> str:
    """Return the id of the image in Podman, where its name is ``opencoderouter``."""
    return image.build(podman)
