"""Tests of new sessions."""

from __future__ import annotations

import pytest
from tests.rig.corpus import NAMES, canaries
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.fleet.actions import beginning, serving


async def serving_there(box: Box) -> int:
    """Return how many servers run."""
    here = await box.site.here()
    assert not isinstance(here, Failed)
    return len(here.servers)


async def test_without_a_prompt(box: Box) -> None:
    """A session is there afterwards; no server is."""
    directory = str(box.project("app"))
    done = await beginning.new(box.site, directory, "", "")
    assert isinstance(done, Done)
    assert box.sessions[done.value]["directory"] == directory
    assert await serving_there(box) == 0


async def test_with_a_prompt(box: Box) -> None:
    """The server that works on a prompt stays; the prompt comes to it as it is."""
    directory = str(box.project("app"))
    for text in ("x", "$(touch canary)", "'; touch canary; '\n`touch canary`", "🦊"):
        done = await beginning.new(box.site, directory, text, "build")
        assert isinstance(done, Done)
        prompt = {"agent": "build", "parts": [{"type": "text", "text": text}]}
        assert box.sessions[done.value]["prompt"] == prompt
    assert await serving_there(box) == 1
    assert canaries(box.home) == []


async def test_at_a_server(box: Box) -> None:
    """Where one runs it is used."""
    directory = str(box.project("app"))
    await serving.start(box.site, directory)
    assert isinstance(await beginning.new(box.site, directory, "x", ""), Done)
    assert len(box.calls) == 1


async def test_no_such_agent(box: Box) -> None:
    """An agent that is not there, or is no agent for people, makes no session."""
    directory = str(box.project("app"))
    await serving.start(box.site, directory)
    for agent in ("coder", "sub", "build\n", "$(touch canary)", "-h"):
        failed = await beginning.new(box.site, directory, "", agent)
        assert isinstance(failed, Failed)
        assert failed.detail == "There are: build"
    assert box.sessions == {}


async def test_a_link(box: Box) -> None:
    """A directory is known by its real path."""
    directory = box.project("app")
    (box.home / "link").symlink_to(directory)
    assert await beginning.find_directory(box.site, "~/link") == str(directory)


async def test_no_directory(box: Box) -> None:
    """What is no directory there is told, and nothing is made."""
    for name in ("app", "-rf", "", "~root", "/none/there", "~/none"):
        assert isinstance(await beginning.new(box.site, name, "", ""), Failed)
    assert box.calls == []


@pytest.mark.parametrize("name", [NAMES[7], NAMES[14]])
async def test_names(box: Box, name: str) -> None:
    """The session is in the very directory that was meant."""
    directory = str(box.project(name))
    done = await beginning.new(box.site, directory, "", "")
    assert isinstance(done, Done)
    assert box.sessions[done.value]["directory"] == directory
    assert canaries(box.home) == []
