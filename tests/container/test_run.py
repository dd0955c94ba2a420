"""The image by itself, in a network of the engine's: it answers, and is well, without any shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.rig.engine import Engine
from tests.rig.vessel import Vessel, launched
from tests.rig.wait import until

_SHELLS = ("bash", "dash")  # all that the base has; sh is one of them
_WHICH = f"import shutil; print(*filter(None, map(shutil.which, {('sh', *_SHELLS)})))"
# Prints the pid of a process whose parent has ended, and which ends a moment later.
_ORPHAN = """\
import os, sys, time
ours, theirs = os.pipe()
if pid := os.fork():
    os.waitpid(pid, 0)
    print(os.read(ours, 99).decode())
elif pid := os.fork():
    os.write(theirs, str(pid).encode())
else:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def router(
    engine: Engine, engine_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vessel]:
    """Run the image with files over its shells; docker asks after its health twice a second."""
    folder = tmp_path_factory.mktemp("shells")
    for name in _SHELLS:
        (folder / name).touch()
    masks = [(str(folder / name), f"/usr/bin/{name}", "ro") for name in _SHELLS]
    often: dict[str, Any] = (
        {"healthcheck": {"interval": 500_000_000}} if engine.name == "docker" else {}
    )
    with launched(engine, engine_image, volumes=masks, **often) as running:
        yield running


def test_no_shell(router: Vessel) -> None:
    """There is none that could be run: all else here does without."""
    assert router.run("python", "-c", _WHICH) == ""


def test_strangers(router: Vessel) -> None:
    """Who comes by the published port is told that it runs, and nothing else."""
    assert router.get("api/health").json == {"healthy": True}
    assert router.get("api/backends").status == 401


def test_password(router: Vessel) -> None:
    """The password that a command in the container shows lets in."""
    assert router.get("api/backends", headers=router.login()).json == []


def test_doctor(router: Vessel) -> None:
    """Doctor knows the router, and that it is in a container with a network of its own."""
    _, output = router.container.exec(["ocr-router", "doctor", "--json"])
    found = {one["code"]: one for one in json.loads(output)["checks"]}
    assert found["router"]["status"] == "ok"
    assert found["state-dir"]["status"] == "ok"
    assert "network" in json.dumps(found["container"])


def test_nobody_in_particular(router: Vessel) -> None:
    """It runs as a user without a name and without rights, and so do commands in it."""
    status = router.run("cat", "/proc/1/status").splitlines()
    facts = {line.partition(":")[0]: line.split()[1:] for line in status if ":" in line}
    assert facts["Uid"] == ["10001"] * 4
    assert facts["CapEff"] == ["0000000000000000"]


def test_reaped(router: Vessel) -> None:
    """A process whose parent has ended is gone when it ends."""
    orphan = router.run("python", "-c", _ORPHAN)
    until(lambda: router.container.exec(["test", "-e", f"/proc/{orphan}"]).exit_code == 1)


def test_healthy(router: Vessel) -> None:
    """The program itself says that it is well; docker asks it."""
    router.run("ocr-router", "health")
    if router.engine.name == "docker":  # podman's images have no health check
        until(lambda: router.state["Health"]["Status"] == "healthy", what=lambda: router.state)


def test_writes_nowhere_else(router: Vessel) -> None:
    """Nothing is written but in the volume; podman itself gives the user a name."""
    changed = {one["Path"] for one in router.container.get_wrapped_container().diff() or []}
    assert changed <= {"/etc", "/etc/group", "/etc/passwd"}
