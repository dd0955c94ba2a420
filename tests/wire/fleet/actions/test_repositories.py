"""Tests of cloning, with real git and a bare repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.rig.corpus import NAMES, URLS, canaries
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet import scripts
from opencoderouter.core.fleet.clone import clone as script
from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.fleet.actions import repositories
from opencoderouter.fleet.actions.repositories import Lines


def bare(folder: Path, name: str = "repo.git") -> str:
    """Make a bare repository with a commit; return its path."""
    path = folder / name
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.test"]
    work = folder / "work"
    subprocess.run([*git, "init", "-q", str(work)], check=True)
    subprocess.run(
        [*git, "-C", str(work), "commit", "-q", "--allow-empty", "-m", "first"], check=True
    )
    subprocess.run([*git, "clone", "-q", "--bare", str(work), str(path)], check=True)
    return str(path)


def ignore(_: str) -> None:
    """Show no progress."""


async def test_clone(box: Box, tmp_path: Path) -> None:
    """A repository is cloned; progress is told as it comes."""
    told: list[str] = []
    url = bare(tmp_path)
    done = await repositories.clone(box.site, url, "~/new", told.append)
    where = str(box.home / "new")
    assert done == Done(f"box: cloned to {where}", where)
    assert (box.home / "new" / ".git").is_dir()
    assert any(line.startswith("Cloning into") for line in told)
    assert not any(line.startswith(("directory", scripts.BEGIN)) for line in told)
    assert {path.name for path in box.home.iterdir()} == {"bin", "new"}


async def test_into_an_empty_directory(box: Box, tmp_path: Path) -> None:
    """A directory that is empty is as good as none."""
    target = box.project("empty")
    assert isinstance(await repositories.clone(box.site, bare(tmp_path), str(target), ignore), Done)
    assert (target / ".git").is_dir()


async def test_what_is_there_stays(box: Box, tmp_path: Path) -> None:
    """A directory with something in it, a file or a link is not touched."""
    url, full = bare(tmp_path), box.project("full")
    (full / "mine").write_text("mine")
    (box.home / "file").write_text("mine")
    (box.home / "link").symlink_to(box.project("other"))
    for target in (full, box.home / "file", box.home / "link"):
        failed = await repositories.clone(box.site, url, str(target), ignore)
        assert failed == Failed("box: there is something at that place already")
    assert (full / "mine").read_text() == (box.home / "file").read_text() == "mine"


async def test_nothing_half_done(box: Box) -> None:
    """What git does not clone leaves nothing; its words are told, and are no terminal's."""
    before = sorted(box.home.iterdir())
    failed = await repositories.clone(box.site, "/no/such\u00a0repo", "~/new", ignore)
    assert isinstance(failed, Failed)
    failed = await repositories.clone(box.site, "/no/such", "~/new", ignore)
    assert isinstance(failed, Failed)
    assert "does not exist" in failed.detail
    assert sorted(box.home.iterdir()) == before


async def test_who_has_gone(box: Box, tmp_path: Path) -> None:
    """When the connection is lost in the midst of it, nothing stays."""
    slow = box.home / "bin" / "git"
    slow.write_text("#!/bin/sh\necho working\nwhile echo; do sleep 0.1; done\n")
    slow.chmod(0o755)
    text = script(bare(tmp_path), "~/new")
    await box.site.run(text, within=0.5)
    assert not (box.home / "new").exists()


async def test_urls(box: Box) -> None:
    """What git must not be given does not get to the host."""
    for url in URLS:
        assert isinstance(await repositories.clone(box.site, url, "~/new", ignore), Failed)
    assert box.line.sent == []


async def test_targets(box: Box) -> None:
    """A directory to clone to has a name and a place."""
    for target in ("", "~", "/", "~/", "new", "-rf", "~root/new", "a\0b"):
        assert isinstance(await repositories.clone(box.site, "/x", target, ignore), Failed)
    assert box.line.sent == []
    failed = await repositories.clone(box.site, "/x", "~/none/new", ignore)
    assert failed == Failed("box: the directory to clone into is in none that is there")


async def test_names(box: Box, tmp_path: Path) -> None:
    """Whatever repository and directory are called, it is those, and nothing is run."""
    url = bare(tmp_path)
    for name in NAMES[5:20:3]:
        target = box.home / name
        done = await repositories.clone(box.site, url, str(target), ignore)
        assert isinstance(done, Done), (name, done)
        assert done.value == str(target)
    odd = bare(box.project("odd"), "$(touch canary); 'it'")
    assert isinstance(await repositories.clone(box.site, odd, "~/last", ignore), Done)
    assert canaries(tmp_path) == []


def test_lines() -> None:
    """Lines come whole, however they arrive; what a login says before is left out."""
    told: list[str] = []
    lines = Lines(told.append)
    for piece in (
        b"hi\nocr-ans",
        b"wer-1\nCount",
        b"ing: 1%\rCounting: 2%\r\x1b[2J\n",
        b"failed x\n",
    ):
        lines.feed(piece)
    assert told == ["Counting: 1%", "Counting: 2%", "\\x1b[2J"]
