"""Tests of servers that are started on a host, with a real shell and real processes."""

from __future__ import annotations

import asyncio
import stat

import pytest
from tests.rig.corpus import NAMES, canaries
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.fleet.actions import serving
from opencoderouter.fleet.actions.serving import Moments


async def test_start(box: Box) -> None:
    """A server stays, listens with a new password, and is found again with it."""
    directory = box.project("app")
    place = await serving.start(box.site, str(directory))
    assert isinstance(place, Place)
    assert place.authorization
    here = await box.site.here()
    assert not isinstance(here, Failed)
    found = here.of(str(directory))
    assert [(one.server.port, one.authorization) for one in found] == [
        (place.server.port, place.authorization)
    ]


async def test_start_twice(box: Box) -> None:
    """No two servers have the same password."""
    one = await serving.start(box.site, str(box.project("one")))
    two = await serving.start(box.site, str(box.project("two")))
    assert isinstance(one, Place)
    assert isinstance(two, Place)
    assert one.authorization != two.authorization


async def test_start_is_private(box: Box) -> None:
    """No password is on a command line; log and folder are the user's alone."""
    await serving.start(box.site, str(box.project("app")))
    secrets = [str(call["password"]) for call in box.calls]
    assert all(len(secret) == 64 for secret in secrets)
    sent = b"".join(text for _, text in box.line.sent)
    assert not any(secret.encode() in sent for secret in secrets)
    assert not any(secret in str(call["argv"]) for call in box.calls for secret in secrets)
    folder = box.home / "state/opencoderouter/fleet"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(log.stat().st_mode) for log in folder.iterdir()} == {0o600}


async def test_start_fails(box: Box) -> None:
    """What a server says that does not start is told."""
    (box.home / "broken").touch()
    failed = await serving.start(box.site, str(box.project("app")))
    assert failed == Failed("box: the server does not start", "Error: the configuration is broken")


async def test_start_nowhere(box: Box) -> None:
    """A directory that is not there is told, and nothing is started."""
    failed = await serving.start(box.site, str(box.home / "none"))
    assert isinstance(failed, Failed)
    assert "no such directory" in failed.summary
    assert box.calls == []


async def test_moment(box: Box) -> None:
    """A server for a moment answers in the block, and is gone after it, with its files."""
    directory = str(box.project("app"))
    async with serving.for_a_moment(box.site, directory) as place:
        assert isinstance(place, Place)
        assert not isinstance(await box.site.ask(place, "GET", "/global/health"), Failed)
    here = await box.site.here()
    assert not isinstance(here, Failed)
    assert here.servers == ()
    assert list((box.home / "state/opencoderouter/fleet").iterdir()) == []


async def test_moment_without_directory(box: Box) -> None:
    """Where the directory is gone it works in the home."""
    async with serving.for_a_moment(box.site, "/nowhere/at/all") as place:
        assert isinstance(place, Place)
    assert [call["cwd"] for call in box.calls] == [str(box.home)]


async def test_moment_fails(box: Box) -> None:
    """What keeps it from starting is told in the block."""
    (box.home / "broken").touch()
    async with serving.for_a_moment(box.site, str(box.project("app"))) as failed:
        assert isinstance(failed, Failed)


async def test_moments_are_shared(box: Box) -> None:
    """Several at once have one server, which ends with the last of them."""
    directory, moments = str(box.project("app")), Moments()

    async def port() -> int:
        async with moments.server(box.site, directory) as place:
            assert isinstance(place, Place)
            return place.server.port

    async with asyncio.TaskGroup() as group:
        ports = [group.create_task(port()) for _ in range(5)]
    assert len({task.result() for task in ports}) == 1
    assert len(box.calls) == 1


@pytest.mark.parametrize("name", [NAMES[5], NAMES[9], NAMES[16], NAMES[23]])
async def test_names(box: Box, name: str) -> None:
    """Whatever a directory is called, a server starts in it, and nothing else happens."""
    directory = box.project(name)
    place = await serving.start(box.site, str(directory))
    assert isinstance(place, Place)
    assert place.server.directory == str(directory)
    assert [call["cwd"] for call in box.calls] == [str(directory)]
    assert canaries(box.home) == []
