"""Credentials in a ``/proc`` that the test wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.core.basic import basic
from opencoderouter.core.model import Kind
from opencoderouter.kernel.commands import serving
from opencoderouter.kernel.credentials import authorization, credentials
from opencoderouter.kernel.processes import Process

OURS = {"OCR_SERVER_ID": "a-1", "OPENCODE_SERVER_USERNAME": "opencode"}
SECRET = {**OURS, "OPENCODE_SERVER_PASSWORD": "secret"}


def owner(proc: Path, told: dict[str, str], kind: Kind | None = Kind.SERVE, *argv: str) -> Process:
    """Write a process with this environment."""
    base = proc / "7"
    base.mkdir()
    (base / "environ").write_bytes(b"".join(f"{k}={v}\0".encode() for k, v in told.items()))
    return Process(7, 1, 1000, 700, argv, "/srv/app", kind)


def test_the_credentials_of_a_server(tmp_path: Path) -> None:
    """They are those that it was started with, as they stand and as a field's value."""
    server = owner(tmp_path, SECRET)
    assert credentials(server, 30000, proc=tmp_path) == ("opencode", "secret")
    assert authorization(server, 30000, proc=tmp_path) == basic("opencode", "secret")


def test_a_user_name_of_its_own(tmp_path: Path) -> None:
    """OpenCode's default is ``opencode``."""
    told = {"OCR_SERVER_ID": "a-1", "OPENCODE_SERVER_PASSWORD": "secret"}
    server = owner(tmp_path, told)
    assert credentials(server, 30000, proc=tmp_path) == ("opencode", "secret")
    (tmp_path / "7/environ").write_bytes(
        b"OPENCODE_SERVER_USERNAME=alice\0OCR_SERVER_ID=1\0OPENCODE_SERVER_PASSWORD=p\0"
    )
    assert credentials(server, 30000, proc=tmp_path) == ("alice", "p")


@pytest.mark.parametrize(
    "told",
    [
        {},
        OURS,
        {**OURS, "OPENCODE_SERVER_PASSWORD": ""},
        {"OPENCODE_SERVER_PASSWORD": "set by hand"},
        {"X_OCR_SERVER_ID": "a-1", "OPENCODE_SERVER_PASSWORD": "secret"},
    ],
)
def test_no_credentials(tmp_path: Path, told: dict[str, str]) -> None:
    """Who was not started here, or without a password, has none that could be known."""
    assert authorization(owner(tmp_path, told), 30000, proc=tmp_path) is None


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    """What cannot be read is no credentials."""
    gone = Process(9, 1, 1000, 700, (), "/srv/app", Kind.SERVE)
    assert authorization(gone, 30000, proc=tmp_path) is None


@pytest.mark.parametrize(
    ("argv", "port", "known"),
    [
        (("python", "-m", "standin", *serving(30000)), 30000, True),
        (("/home/alice/bin/my-opencode", *serving(30000)), 30000, True),
        (("/home/alice/bin/my-opencode", *serving(30000)), 30001, False),
        (("ssh", "-L", "30000:localhost:4096", "box"), 30000, False),
        ((), 30000, False),
    ],
)
def test_a_program_of_another_name(
    tmp_path: Path,
    argv: tuple[str, ...],
    port: int,
    known: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """It gets its password on the port it was started on; a tool gets none of its server's."""
    found = authorization(owner(tmp_path, SECRET, None, *argv), port, proc=tmp_path)
    assert (found is not None) is known
