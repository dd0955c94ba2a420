"""The names that we find in configurations, against what ``ssh -G`` makes of them."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from opencoderouter.fleet.ssh_config import aliases

WORDS = ("{0}", '"{0}"', "'{0}'", '{0[0]}"{0[1]}"{0[2]}', "!no-{0} {0}", "x*{0} {0}", "{0} {0}")
KEYWORDS = ("Host ", "host\t", "  HOST = ", "Host=", '"Host" ')
ENDS = ("", "  # a comment", "\t# 'open", "\r", " ")
OTHERS = ("Match host none", "Match originalhost z exec false", "Host *", "Host ?x !*", "# Host c")


class Maker:
    """Writes configurations that include each other; ``hosts`` says what each name should be."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self.hosts: dict[str, str] = {}
        self._chance, self._folder, self._number = chance, folder, 0

    def write(self, depth: int = 0) -> Path:
        """Write a file, and those that it includes, before any block of its own."""
        includes = [self._include(depth) for _ in range(self._chance.randint(0, 3 - depth))]
        lines = [line for _ in range(6) for line in self._block()]
        path = self._path()
        path.write_text("\n".join([*includes, *lines]) + "\n")
        return path

    def _path(self) -> Path:
        self._number += 1
        return self._folder / f"file {self._number}"

    def _include(self, depth: int) -> str:
        name = self.write(depth + 1)
        pattern = name.with_name(name.name.replace("file", "f?le"))
        return self._chance.choice((f'Include "{name}" # c', f"include='{pattern}'"))

    def _block(self) -> Iterator[str]:
        if self._chance.random() < 0.3:
            yield self._chance.choice(OTHERS)
            return
        self._number += 1
        alias = f"h{self._number:02}"
        keyword, end = self._chance.choice(KEYWORDS), self._chance.choice(ENDS)
        yield f"{keyword}{self._chance.choice(WORDS).format(alias)}{end}"
        self.hosts[alias] = f"10.0.0.{self._number}"
        yield f"    HostName {self.hosts[alias]}"


def asked(path: Path, alias: str) -> dict[str, str]:
    """Return what ``ssh -G`` says."""
    command = ["ssh", "-G", "-F", str(path), "--", alias]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    return {keyword: value for keyword, _, value in lines}


@pytest.mark.parametrize("seed", range(6))
def test_every_name_is_one_to_ssh(tmp_path: Path, seed: int) -> None:
    """All names are found, and ssh finds the block of each; no others are found."""
    maker = Maker(random.Random(seed), tmp_path)  # noqa: S311 - no secret
    path = maker.write()
    found = aliases(path, tmp_path)
    assert found.problems == ()
    assert sorted(found.names) == sorted(maker.hosts)
    assert {name: asked(path, name)["hostname"] for name in found.names} == maker.hosts


@pytest.mark.parametrize(
    "block", ["Host a*", "Host a* !ab", "Host *b", "Host ab", "Host c", "Match all"]
)
def test_includes_inside_a_block(tmp_path: Path, block: str) -> None:
    """A name of a file that is included for some hosts is one exactly if ssh goes by its block."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("Host ab\n  Port 77\nHost ac\n  Port 77\nHost bc\n  Port 77\n")
    outer.write_text(f"{block}\n  Include {inner}\n")
    names = ("ab", "ac", "bc")
    known = tuple(name for name in names if asked(outer, name)["port"] == "77")
    found = aliases(outer, tmp_path).names
    assert tuple(name for name in names if name in found) == known
