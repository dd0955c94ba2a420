"""The API against its own document: schemathesis asks whatever the document allows, and more."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from tests.fakes import backend
from tests.wire.proxy.others import around
from tests.wire.proxy.own import Router, managing

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Sessions, Status


def router() -> Router:
    """Return a router with servers it found, two of one name, and a managed one that is down."""
    made = managing(Managed("/srv/down", Status.FAILED, reason="exit 1"))
    made.peers = around()
    made.registry.observe(
        backend("/srv/app", 30001, sessions=Sessions(3, 1)), backend("/srv/other/app", 30002)
    )
    return made


async def check(url: str, where: Path, *selected: str) -> tuple[int | None, str]:
    """Return exit code and words of schemathesis with all its default checks."""
    program = Path(sys.executable).with_name("schemathesis")
    bounds = ("--max-examples", "20", "--request-timeout", "10", "--seed", "1")
    process = await asyncio.create_subprocess_exec(
        program,
        *("run", f"{url}/api/openapi.json", *bounds, *selected),
        cwd=where,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    words, _ = await process.communicate()
    return process.returncode, words.decode()


@pytest.mark.timeout(300)
async def test_no_violation(tmp_path: Path) -> None:
    """Nothing it answers, to good questions and bad, is other than described."""
    async with router().serving() as url:
        code, words = await check(url, tmp_path, "--exclude-path", "/api/events")
    assert code == 0, words
    assert "Coverage" in words


@pytest.mark.timeout(300)
async def test_no_violation_of_the_stream(tmp_path: Path) -> None:
    """The stream is as described, too; only a router that is stopping makes it end."""
    made = router()
    async with made.serving() as url:
        made.closing.set()
        code, words = await check(url, tmp_path, "--include-path", "/api/events")
    assert code == 0, words
