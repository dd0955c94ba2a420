"""Tests of starting and restarting servers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.wait import until
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet import launching
from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.fleet.actions import servers, serving


async def running(box: Box, directory: str) -> tuple[Place, ...]:
    """Return the servers of a directory."""
    here = await box.site.here()
    assert not isinstance(here, Failed)
    return here.of(directory)


@contextmanager
def by_hand(box: Box, directory: str, port: int, **environment: str) -> Iterator[None]:
    """Run a server as a person would, without a password."""
    command = [box.site.program, "serve", "--port", str(port), "--print-logs"]
    everything = {**box.line.environment, **environment}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=directory, env=everything, stdout=quiet, stdin=quiet, start_new_session=True
    ):
        until(lambda: http.answers(f"http://127.0.0.1:{port}/global/health"))
        yield


async def test_start(box: Box) -> None:
    """A directory gets a server; a second one it does not get."""
    directory = str(box.project("app"))
    first = await servers.start(box.site, directory)
    again = await servers.start(box.site, directory)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert first.value == again.value
    assert "already" in again.summary
    assert len(await running(box, directory)) == 1


async def test_start_nowhere(box: Box) -> None:
    """What is no directory is told."""
    assert isinstance(await servers.start(box.site, "~/none"), Failed)


async def test_restart(box: Box) -> None:
    """A new process has the port, the password and the arguments of the old one."""
    directory = str(box.project("it's $(touch canary)"))
    assert isinstance(await serving.start(box.site, directory), Place)
    (before,) = await running(box, directory)
    done = await servers.restart(box.site, directory)
    (after,) = await running(box, directory)
    assert done == Done(f"box: server restarted (port {after.server.port})", str(after.server.port))
    assert after.server.pid != before.server.pid
    assert after.server.port == before.server.port
    assert after.authorization == before.authorization


async def test_restart_what_a_person_started(box: Box) -> None:
    """It is as it was: port, arguments, environment, and no password where there was none."""
    directory, port = str(box.project("app")), free_port()
    with by_hand(box, directory, port, FLAVOUR="it's $(odd)"):
        done = await servers.restart(box.site, directory)
    assert isinstance(done, Done), done
    assert done.value == str(port)
    first, second = box.calls
    assert second["argv"] == [*first["argv"], "--hostname", "127.0.0.1"]  # type: ignore[misc]
    assert second["password"] == ""
    assert second["flavour"] == first["flavour"] == "it's $(odd)"


async def test_restart_what_is_not_there(box: Box) -> None:
    """Without a server there is nothing to restart."""
    failed = await servers.restart(box.site, str(box.project("app")))
    assert failed == Failed("box: no server runs there")


async def test_only_the_servers_of_the_directory(box: Box) -> None:
    """A process that is none of them is never ended."""
    mine, other = str(box.project("mine")), str(box.project("other"))
    await serving.start(box.site, mine)
    await serving.start(box.site, other)
    (place,) = await running(box, other)
    assert place.server.pid
    text = launching.restart(box.site.program, mine, [(place.server.pid, place.server.port)])
    told = await box.site.tell(text)
    assert not isinstance(told, Failed)
    assert told.failed == "changed"
    assert await running(box, other) == (place,)
