"""The script that goes to hosts: its values are quoted, its text is whole."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from opencoderouter.fleet.script import COMMAND, Wanted, script

NASTY = ["'", '"; touch /tmp/x #', "$(id)", "a\nb", "-e", "`id`", "\\", "å", ""]


def words(data: bytes) -> list[str]:
    """Return the words that a shell makes of what stands before the script itself."""
    head, _, _ = data.decode().partition("\n# What `ocr` runs")
    return shlex.split(head)


@pytest.mark.parametrize("text", NASTY)
def test_quoted(text: str) -> None:
    """Whatever a person configures stays one value."""
    wanted = Wanted(7, opencode_path=text, scan_paths=("~", text), use_db=False)
    found = words(script(wanted, "f00d"))
    assert f"opencode_path={text}" in found
    assert found[-4:] == ["set", "--", "~", text]
    assert {"nonce=f00d", "seconds=7", "use_db=0", "parts=all"} <= set(found)


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        (Wanted(1), "all"),
        (Wanted(1, servers_only=True), "servers"),
        (Wanted(1, sql="select 'x'"), "detail"),
    ],
)
def test_parts(wanted: Wanted, parts: str) -> None:
    """Only what is wanted is told."""
    assert f"parts={parts}" in words(script(wanted, "f00d"))


def test_statement() -> None:
    """The database is asked the same of every host, unless something is wanted of it."""
    ask = "sql=select s.id, substr(s.title, 1, 500) title"
    assert any(word.startswith(ask) for word in words(script(Wanted(1), "f00d")))
    assert "sql=select 'x'" in words(script(Wanted(1, sql="select 'x'"), "f00d"))


def test_nothing_runs_of_a_cut_script() -> None:
    """A script of which the end is missing does nothing: its only command is its last line."""
    text = script(Wanted(1), "f00d")
    assert text.endswith(b'\nmain "$@" </dev/null\nexit 0\n')
    for size in range(0, len(text) - 31, 997):
        done = subprocess.run(["sh", "-s"], input=text[:size], capture_output=True, check=False)
        assert done.stdout == b""


def test_command() -> None:
    """The command line has nothing in it that some login shell would read differently."""
    assert set(COMMAND) <= set("abcdefghijklmnopqrstuvwxyz/ -")
