"""What is told of files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from opencoderouter.cli.files import refused
from opencoderouter.private import Damaged, NotPrivate
from opencoderouter.settings import Settings

STATE = Path("/home/alice/state")
SETTINGS = Settings(state_dir=STATE, password_file=Path("/run/pass"))


@pytest.mark.parametrize(
    ("path", "beginning"),
    [
        (Path("/run/pass"), "--password-file /run/pass: is bad"),
        (STATE, "--state-dir /home/alice/state: is bad"),
        (STATE.parent, "--state-dir /home/alice: is bad"),
        (STATE / "tokens.json", "/home/alice/state/tokens.json: is bad"),
        (Path("/etc/passwd"), "/etc/passwd: is bad"),
    ],
)
def test_the_option_is_named(path: Path, beginning: str) -> None:
    """Where a flag chooses the file, or the directory that it is to be in, it is told."""
    assert str(refused(NotPrivate(path, "is bad"), SETTINGS)) == beginning


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("tokens.json", "; delete it and make the tokens anew"),
        ("secrets.json", "; `ocr-router password --rotate` makes it anew"),
        ("logged-out.json", "; delete it, and `ocr-router password --rotate`"),
    ],
)
def test_what_is_damaged_can_be_mended(name: str, remedy: str) -> None:
    """It is told what to do; a file that is only in the wrong hands is not to be deleted."""
    assert remedy in str(refused(Damaged(STATE / name, "is damaged"), SETTINGS))
    assert remedy not in str(refused(NotPrivate(STATE / name, "is bad"), SETTINGS))


def test_an_error_without_a_file() -> None:
    """Nothing is made up."""
    assert str(refused(OSError("no more memory"), SETTINGS)) == "no more memory"
