"""``ls``, ``resolve`` and ``open`` against a running router, and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import Router, router
from tests.wire.cli.conftest import Run


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[Router]:
    """Return a router with the projects ``new/shop``, ``old/shop`` and ``blog``."""
    projects = [tmp_path / name for name in ("new/shop", "old/shop", "blog")]
    for project in projects:
        project.mkdir(parents=True)
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    with router(projects, environment=environment, log=tmp_path / "log") as started:
        yield started


def test_the_projects_of_the_router(run: Run, running: Router, tmp_path: Path) -> None:
    """``ls`` is a table or the API's JSON; ``resolve`` prints one URL; ``open`` the page's."""
    port = ("--port", str(running.port))
    lines = run("ls", *port).stdout.splitlines()
    assert lines[0].split() == ["PROJECT", "STATUS", "VERSION", "URL", "DIRECTORY"]
    own = [line for line in lines if str(tmp_path) in line]
    assert [line.split()[1] for line in own] == ["ready"] * 3
    rows = json.loads(run("ls", *port, "--json").stdout)
    assert str(tmp_path / "blog") in {row["project_path"] for row in rows}
    by_path = run("resolve", f"{tmp_path}/new/shop/src", *port).stdout
    assert json.loads(run("resolve", "new/shop", "--json", *port).stdout)["url"] == by_path.strip()
    assert by_path.startswith(f"http://localhost:{running.port}/")
    page = run("open", str(tmp_path / "blog"), *port).stdout.strip()
    assert page.endswith(f".localhost:{running.port}/")


def test_what_is_not_clear_is_told(run: Run, running: Router, tmp_path: Path) -> None:
    """A name of two projects lists both; an unknown one says so; exit code 1 each."""
    router_ = ("--router", running.url)
    done = run("resolve", "shop", *router_)
    assert done.returncode == 1
    assert f"\n  {tmp_path}/old/shop\n  {tmp_path}/new/shop\n" in done.stderr
    done = run("resolve", "nonsense", *router_)
    told = "ocr-router: No project belongs to 'nonsense'. `ocr-router ls` lists them.\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("arguments", [("ls",), ("resolve", "shop"), ("open", "shop")])
def test_without_a_router_the_way_to_one_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 1 and one line that says how to start a router."""
    done = run(*arguments, "--port", str(free_port()))
    assert done.returncode == 1
    assert "no router answers (Connection refused)" in done.stderr
    assert "`ocr-router serve` starts one" in done.stderr
