"""Tokens in a file: digests only, nothing that is not understood, nothing lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opencoderouter import private
from opencoderouter.access.tokens import Taken, TokenFile, is_name
from opencoderouter.core.keyring import Token, digest
from opencoderouter.private import Damaged, NotPrivate

NOW = 1_800_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """Return the file in a state directory that is not there yet."""
    return TokenFile(tmp_path / "state" / "tokens.json")


def create(
    file: TokenFile,
    name: str = "ci",
    *,
    project: str | None = None,
    read_only: bool = False,
    expires: float | None = None,
    now: float = NOW,
) -> tuple[Token, str]:
    """Create a token that can be."""
    made = file.create(name, project=project, read_only=read_only, expires=expires, now=now)
    assert not isinstance(made, Taken)
    return made


def test_first_run(file: TokenFile) -> None:
    """Without a file there are no tokens, and asking leaves nothing behind."""
    assert file.load() == ()
    assert not file.path.parent.exists()


def test_only_the_digest_is_kept(file: TokenFile) -> None:
    """The secret has at least 160 bits, begins with a word to be found by, and is in no file."""
    token, secret = create(file)
    assert secret.startswith("ocrt_")
    assert len(secret) >= len("ocrt_") + 160 / 6
    assert token.digest == digest(secret).hex()
    assert secret[5:] not in file.path.read_text()
    assert create(file, "other")[1] != secret


def test_limits_are_kept(file: TokenFile) -> None:
    """A token is read as it was made."""
    one, _ = create(file, "one", project="shop", read_only=True, expires=NOW + 5)
    two, _ = create(file, "two")
    assert file.load() == (one, two)
    assert (one.project, one.read_only, one.expires, one.created) == ("shop", True, NOW + 5, NOW)
    assert (two.project, two.read_only, two.expires) == (None, False, None)


def test_a_name_is_one_tokens(file: TokenFile) -> None:
    """It can be used again only when the token with it has expired or is revoked."""
    token, _ = create(file, expires=NOW + 5)
    for name in ("ci", token.id):
        taken = file.create(name, project=None, read_only=False, expires=None, now=NOW + 4)
        assert taken == Taken(name)
    assert file.load() == (token,)
    again, _ = create(file, now=NOW + 5)
    assert file.load() == (again,)


def test_revoked_by_name_or_id(file: TokenFile) -> None:
    """Only that one goes; who does not exist is told apart."""
    one, two, three = (create(file, name)[0] for name in ("one", "two", "three"))
    assert file.revoke("one") == one
    assert file.revoke(two.id) == two
    assert file.revoke("one") is None
    assert file.load() == (three,)


ENTRY = {
    "id": "0a",
    "name": "ci",
    "digest": "0" * 64,
    "created": NOW,
    "project": None,
    "read_only": True,
    "expires": None,
}
DAMAGED: list[object] = [
    [],
    {},
    {"tokens": {}},
    {"tokens": [], "more": 1},
    {"tokens": [1]},
    {"tokens": [ENTRY, {k: v for k, v in ENTRY.items() if k != "read_only"}]},
    *({"tokens": [ENTRY | change]} for change in (
        {"scope": "less"},
        {"id": 1},
        {"name": ""},
        {"name": "a\nb"},
        {"digest": "0"},
        {"digest": None},
        {"created": "now"},
        {"project": "No Slug"},
        {"project": 1},
        {"read_only": "false"},
        {"read_only": None},
        {"expires": "never"},
        {"expires": True},
    )),
]  # fmt: skip


def test_an_entry_is_understood(file: TokenFile) -> None:
    """The entry that the damaged ones are made of is a good one."""
    private.replace(file.path, json.dumps({"tokens": [ENTRY]}).encode())
    assert [token.name for token in file.load()] == ["ci"]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_not_understood_lets_nobody_in(file: TokenFile, content: object) -> None:
    """All raise; nothing is added to such a file, and nothing replaced."""
    text = json.dumps(content).encode()
    private.replace(file.path, text)
    with pytest.raises(Damaged):
        file.load()
    with pytest.raises(Damaged):
        create(file)
    with pytest.raises(Damaged):
        file.revoke("ci")
    assert file.path.read_bytes() == text


def test_what_others_can_write_is_not_used(file: TokenFile) -> None:
    """They could have added a token of theirs."""
    create(file)
    file.path.chmod(0o666)
    with pytest.raises(NotPrivate):
        file.load()


def test_nothing_is_lost_between_commands(file: TokenFile) -> None:
    """Commands that run at the same time all have their token."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: create(file, f"t{number}"), range(20)))
    assert len(file.load()) == 20


def test_names() -> None:
    """A name is a word that can be printed and typed."""
    assert all(map(is_name, ("ci", "CI-2.x_y", "7", "a" * 64)))
    assert not any(map(is_name, ("", "-x", ".x", "a b", "a\n", "é", "a/b", "a" * 65)))
