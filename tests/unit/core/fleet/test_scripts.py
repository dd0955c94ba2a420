"""Tests of scripts: values stay values, and what scripts say is read."""

from __future__ import annotations

import shlex

import pytest
from tests.rig.corpus import NAMES

from opencoderouter.core.fleet import scripts
from opencoderouter.core.fleet.scripts import Told


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"ocr-answer-1\nport 4096\npassword a b\n", Told({"port": "4096", "password": "a b"})),
        (b"Welcome!\nport 1\nocr-answer-1\nport 4096\n", Told({"port": "4096"})),
        (b"ocr-answer-1\nended\n", Told({"ended": ""})),
        (b"ocr-answer-1\nfailed directory\n", Told({}, "directory")),
        (
            b"ocr-answer-1\nfailed start\ndetail\nport 1\nfailed x\n",
            Told({}, "start", "port 1\nfailed x\n"),
        ),
        (b"sh: not found\n", Told({}, "sh", "sh: not found\n")),
        (b"", Told({}, "sh")),
        (b"ocr-answer-1\n\xff\xfe\n\x1b[2J\n", Told({})),
    ],
)
def test_told(output: bytes, expected: Told) -> None:
    """Words and values are read after the beginning; other lines are nobody's."""
    assert scripts.told(output) == expected


def test_after_begin() -> None:
    """What a login file prints is left out."""
    assert scripts.after_begin(b"hello\nocr-answer-1\n{}\n") == b"{}\n"
    assert scripts.after_begin(b"hello\n") is None


@pytest.mark.parametrize("name", NAMES)
def test_values(name: str) -> None:
    """A value stands on top, quoted, and nowhere else."""
    text = scripts.where(f"/srv/{name}").decode()
    quoted = shlex.quote(f"/srv/{name}")
    assert text.startswith(f"directory={quoted}\n")
    assert name == "plain" or f"/srv/{name}" not in text.removeprefix(f"directory={quoted}")


@pytest.mark.parametrize("name", [*NAMES, "a\udcff"])
def test_real_path(name: str) -> None:
    """A path comes back as it is, octet by octet."""
    octal = " ".join(f"{byte:03o}" for byte in f"/{name}\n".encode("utf-8", "surrogateescape"))
    assert scripts.real_path(octal) == f"/{name}"


@pytest.mark.parametrize("value", ["", "zzz", "777 8 -1 1_0", "9" * 5_000])
def test_no_words_of_ours(value: str) -> None:
    """A host that answers something else than the script raises nothing, and names nothing."""
    assert scripts.real_path(value) == ""
    assert Told({"port": value}).port == 0


def test_opencode() -> None:
    """Arguments of OpenCode are variables, too; what is run to ask or tidy has no plugins."""
    assert b'" export "$session" --pure ' in scripts.export("o", "s")
    text = scripts.opencode("/opt/open code", "db", "select 'x'").decode()
    assert text.startswith("program='/opt/open code'\na0=db\na1='select '\"'\"'x'\"'\"''\n")
    assert '\n"$program" "$a0" "$a1" --pure\n' in text


@pytest.mark.parametrize(
    "text", [scripts.where("/x"), scripts.export("o", "s"), scripts.router("GET", "u")]
)
def test_no_stdin(text: bytes) -> None:
    """What a script runs cannot read the script."""
    assert text.endswith(b"\n}\nmain </dev/null\n")


def test_family() -> None:
    """The SQL names the session; ids are letters and digits."""
    assert scripts.family("ses_1").count("'ses_1'") == 1
