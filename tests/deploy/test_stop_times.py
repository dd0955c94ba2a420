"""How long it gets to end before it is killed: one number, wherever it is deployed."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.rig.notified import notified
from tests.rig.unit import read

from opencoderouter.settings import Settings
from opencoderouter.wiring.manager import Manager

_ROOT = Path(__file__).parents[2]
_SECONDS = 45


def _systemd(path: Path) -> list[str]:
    return read(path).values("TimeoutStopSec")


def _quadlet(path: Path) -> list[str]:
    """Return what podman is told: ``podman rm --force``, the generator's ExecStop=, goes by it."""
    words = " ".join(read(path).values("PodmanArgs", "Container")).split()
    return [word.removeprefix("--stop-timeout=") for word in words if "stop-timeout" in word]


def _compose(path: Path) -> list[str]:
    services = yaml.safe_load(path.read_text())["services"].values()
    return [service["stop_grace_period"].removesuffix("s") for service in services]


def _kubernetes(path: Path) -> list[str]:
    pod = yaml.safe_load(path.read_text())["spec"]["template"]["spec"]
    return [str(pod["terminationGracePeriodSeconds"])]


def _launchd(path: Path) -> list[str]:
    return [str(plistlib.loads(path.read_bytes())["ExitTimeOut"])]


def _nix(path: Path) -> list[str]:
    """Return launchd's; units of systemd are read from deploy/."""
    return re.findall(r"ExitTimeOut = (\d+);", path.read_text())


def _documented(path: Path) -> list[str]:
    return re.findall(r"--stop-timeout (\d+)", path.read_text())


_PLACES: dict[str, Callable[[Path], list[str]]] = {
    "deploy/systemd/**/*.service": _systemd,
    "deploy/quadlet/*.container": _quadlet,
    "deploy/compose.yaml": _compose,
    "deploy/kubernetes/deployment.yaml": _kubernetes,
    "deploy/launchd/*.plist": _launchd,
    "nix/home-manager.nix": _nix,
    "docs/containers.md": _documented,
}


@pytest.mark.parametrize("place", _PLACES)
def test_one_number(place: str) -> None:
    """Every service that is deployed has the same seconds, said once for each."""
    paths = sorted(_ROOT.glob(place))
    assert paths
    for path in paths:
        assert set(_PLACES[place](path)) == {str(_SECONDS)}, path


def test_systemd_waits_for_podman() -> None:
    """A quadlet's own limit is for podman, which kills the container before."""
    for path in sorted((_ROOT / "deploy/quadlet").glob("*.container")):
        assert int(read(path).value("TimeoutStopSec")) > _SECONDS


def test_enough(tmp_path: Path) -> None:
    """It is more than what the router says that it needs, with the usual grace period."""
    with notified(str(tmp_path / "manager")) as manager:
        Manager(manager.address).stopping(Settings.model_fields["grace"].default)
        told = dict(line.split("=") for line in manager.until("STOPPING=1"))
    assert int(told["EXTEND_TIMEOUT_USEC"]) / 1_000_000 < _SECONDS
