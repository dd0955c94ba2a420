"""The password that is drawn: how strong, how kept, and never lost by accident."""

from __future__ import annotations

import math
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opencoderouter import private
from opencoderouter.access.secrets import SecretFile
from opencoderouter.private import Damaged, NotPrivate


@pytest.fixture
def file(tmp_path: Path) -> SecretFile:
    """Return the file in a state directory that is not there yet."""
    return SecretFile(tmp_path / "state" / "secrets.json")


def test_drawn_once(file: SecretFile) -> None:
    """The first asks draws; whoever asks later gets the same, and only this user can read it."""
    first = file.load()
    assert file.load() == SecretFile(file.path).read() == first
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_strong_and_easy_to_copy(file: SecretFile) -> None:
    """At least 128 bits: one word of small letters and digits, none of which look alike."""
    password = file.load().password
    assert password.isascii()
    assert password.isalnum()
    assert password == password.lower()
    assert not set(password) & set("0o1l")
    assert len(password) * math.log2(32) >= 128
    assert len(file.load().key) >= 32


def test_rotation_renews_both(file: SecretFile) -> None:
    """After it neither the password nor the key are the old ones."""
    old = file.load()
    new = file.rotate()
    assert new.password != old.password
    assert new.key != old.key
    assert file.load() == new


def test_routers_that_start_together_agree(file: SecretFile) -> None:
    """Whoever draws first has drawn for all."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: SecretFile(file.path).load(), range(8)))
    assert len({secret.password for secret in found}) == 1


KEY = "00" * 32
DAMAGED = [
    "",
    "{",
    "[]",
    "{}",
    f'{{"key": "{KEY}"}}',
    f'{{"password": "short", "key": "{KEY}"}}',
    f'{{"password": 12345678, "key": "{KEY}"}}',
    '{"password": "long enough"}',
    '{"password": "long enough", "key": "xyz"}',
    '{"password": "long enough", "key": "00"}',
    '{"password": "long enough", "key": 7}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_damaged_is_not_replaced(file: SecretFile, content: str) -> None:
    """It is told, without what is in it; the file stays, until somebody wants a new password."""
    private.replace(file.path, content.encode())
    with pytest.raises(Damaged, match=r"secrets\.json: is damaged: no ") as caught:
        file.load()
    assert "long enough" not in str(caught.value)
    assert file.path.read_text() == content
    assert file.rotate() == file.load()


def test_what_others_can_read_is_not_used(file: SecretFile) -> None:
    """A password that may be known already lets nobody in."""
    file.load()
    file.path.chmod(0o644)
    with pytest.raises(NotPrivate, match="other users have access"):
        file.load()


def test_secrets_do_not_show(file: SecretFile) -> None:
    """What is printed by mistake has no secret in it."""
    found = file.load()
    assert found.password not in repr(found)
    assert "key" not in repr(found)
