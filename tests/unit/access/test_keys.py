"""The keyring of now: which password holds, and how soon a change does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from opencoderouter import private
from opencoderouter.access.keys import Keys, Sources
from opencoderouter.access.tokens import Taken
from opencoderouter.core.keyring import Keyring, digest
from opencoderouter.private import Damaged, NotPrivate, Refused

NOW = 1_800_000_000.0
SOON = 20.0  # seconds that a change may take on a busy machine: it is a bound, not a measure


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Return a state directory that is not there yet, and nothing of the user's own."""
    return Sources(tmp_path / "state", port=9000, secure=True)


def keyring(sources: Sources) -> Keyring:
    """Return what holds when the router starts."""
    return Keys(sources, lambda: NOW).watch.value


def token(sources: Sources, name: str = "ci") -> str:
    """Create a token and return its secret."""
    made = sources.tokens.create(name, project=None, read_only=False, expires=None, now=NOW)
    assert not isinstance(made, Taken)
    return made[1]


@asynccontextmanager
async def running(keys: Keys) -> AsyncIterator[None]:
    """Have changes noticed while the block runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keys.run())
        yield
        task.cancel()


async def holds(keys: Keys, wanted: Callable[[Keyring], bool]) -> Keyring:
    """Return the first keyring that is as wanted."""
    async with asyncio.timeout(SOON):
        async for found in keys.watch.follow():
            if wanted(found):
                return found
    raise AssertionError


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true that nothing tells of: a line of the log, a file."""
    async with asyncio.timeout(SOON):
        while not true():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)


def test_one_is_drawn(sources: Sources) -> None:
    """Without a password of the user's own there is one in the state directory, and it holds."""
    ring = keyring(sources)
    password = sources.secrets.read().password
    assert ring.password == digest(password)
    assert sources.effective() == password
    assert ring.key == sources.secrets.read().key
    assert (ring.auth, ring.port, ring.secure) == ("auto", 9000, True)


def test_whose_password_holds(sources: Sources, tmp_path: Path) -> None:
    """The setting beats the file, the file beats the drawn one; the key is drawn in any case."""
    given = tmp_path / "password"
    private.replace(given, b"of the file  \r\nsecond line\n")
    by_file = replace(sources, password_file=given)
    by_setting = replace(by_file, password="of the setting")
    for these, password in ((by_file, "of the file  "), (by_setting, "of the setting")):
        assert these.effective() == password
        assert keyring(these).password == digest(password)
        assert keyring(these).key == sources.secrets.read().key
    assert "of the setting" not in repr(by_setting)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "first line"), (b"short\n", "first line"), (b"\nlong enough", "first line"),
     (b"\xff" * 9, "no text")],
)  # fmt: skip
def test_a_password_file_that_has_none(
    sources: Sources, tmp_path: Path, content: bytes, reason: str
) -> None:
    """The router does not start with a password that is none."""
    given = tmp_path / "password"
    private.replace(given, content)
    with pytest.raises(Refused, match=f"password: .*{reason}"):
        keyring(replace(sources, password_file=given))


def test_a_password_file_of_others(sources: Sources, tmp_path: Path) -> None:
    """One that others can read, or that is not there, is refused."""
    given = tmp_path / "password"
    with pytest.raises(FileNotFoundError):
        keyring(replace(sources, password_file=given))
    given.write_text("long enough")
    given.chmod(0o644)
    with pytest.raises(NotPrivate):
        keyring(replace(sources, password_file=given))


def test_open_needs_no_files(sources: Sources) -> None:
    """Where nobody is kept out there is nothing to know."""
    ring = keyring(replace(sources, auth="off"))
    assert (ring.auth, ring.password, ring.key) == ("off", b"", b"")
    assert not sources.state_dir.exists()


def test_damaged_secrets_let_no_router_start(sources: Sources) -> None:
    """No new password is drawn behind the user's back."""
    private.replace(sources.secrets.path, b"{}")
    with pytest.raises(Damaged):
        keyring(sources)
    assert sources.secrets.path.read_bytes() == b"{}"


def test_damaged_tokens_let_nobody_in(sources: Sources, caplog: pytest.LogCaptureFixture) -> None:
    """The router starts, no token holds, and it is logged."""
    private.replace(sources.tokens.path, b"{}")
    assert keyring(sources).tokens == {}
    assert "tokens.json: is damaged" in caplog.text


async def test_tokens_come_and_go(sources: Sources) -> None:
    """A token that is created holds soon, one that is revoked no more."""
    keys = Keys(sources, lambda: NOW)
    async with running(keys):
        secret = token(sources)
        ring = await holds(keys, lambda ring: bool(ring.tokens))
        assert ring.judge(secret, NOW) is not None
        sources.tokens.revoke("ci")
        ring = await holds(keys, lambda ring: not ring.tokens)
        assert ring.judge(secret, NOW) is None


async def test_rotation_is_noticed(sources: Sources) -> None:
    """The old password, and all that was let in by it, hold no more."""
    keys = Keys(sources, lambda: NOW)
    old = sources.effective()
    grant = keys.watch.value.judge(old, NOW)
    assert grant is not None
    async with running(keys):
        new = sources.secrets.rotate()
        ring = await holds(keys, lambda ring: ring.key == new.key)
    assert ring.judge(old, NOW) is None
    assert not ring.holds(grant, NOW)
    assert ring.judge(new.password, NOW) is not None


async def test_a_new_password_file_is_noticed(sources: Sources, tmp_path: Path) -> None:
    """The user's own file counts as soon as it is another one."""
    given = tmp_path / "password"
    private.replace(given, b"the first one")
    keys = Keys(replace(sources, password_file=given), lambda: NOW)
    async with running(keys):
        private.replace(given, b"the second one")
        await holds(keys, lambda ring: ring.password == digest("the second one"))


async def test_what_cannot_be_read_meanwhile(
    sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    """The password stays, tokens do not, both are logged once; and they come back."""
    keys = Keys(sources, lambda: NOW)
    content = sources.secrets.path.read_bytes()
    token(sources)
    async with running(keys):
        before = await holds(keys, lambda ring: bool(ring.tokens))
        tokens = sources.tokens.path.read_bytes()
        private.replace(sources.secrets.path, b"{")
        private.replace(sources.tokens.path, b"{")
        after = await holds(keys, lambda ring: not ring.tokens)
        assert (after.password, after.key) == (before.password, before.key)
        await until(lambda: "secrets.json: is damaged" in caplog.text)
        private.replace(sources.tokens.path, tokens)
        assert await holds(keys, lambda ring: bool(ring.tokens)) == before
        private.replace(sources.secrets.path, content)
    assert sources.secrets.path.read_bytes() == content
    assert caplog.text.count("secrets.json: is damaged") == 1
    assert caplog.text.count("tokens.json: is damaged") == 1


async def test_a_passing_failure_is_overcome(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No file descriptor is left when a token is revoked: it is read as soon as there is one."""
    token(sources)
    keys = Keys(sources, lambda: NOW)
    assert keys.watch.value.tokens

    def without(_: Path) -> dict[str, object]:
        raise OSError(24, "Too many open files")

    async with running(keys):
        sources.tokens.revoke("ci")
        with monkeypatch.context() as patch:
            patch.setattr(private, "read_json", without)
            await until(lambda: "Too many open files" in caplog.text)
        await holds(keys, lambda ring: not ring.tokens)


async def test_log_out(sources: Sources) -> None:
    """It holds at once, is saved at once, and for the next router too; until it is of no use."""
    keys = Keys(sources, lambda: NOW)
    path = sources.state_dir / "logged-out.json"
    async with running(keys):
        keys.log_out("abc", NOW + 60)
        assert keys.watch.value.revoked == {"abc"}
        await until(path.exists)
    assert keyring(sources).revoked == {"abc"}
    assert Keys(sources, lambda: NOW + 60).watch.value.revoked == frozenset()


async def test_log_out_in_the_last_moment(sources: Sources) -> None:
    """A router that is stopped saves who has just logged out."""
    keys = Keys(sources, lambda: NOW)
    async with running(keys):
        token(sources)
        await holds(keys, lambda ring: bool(ring.tokens))
        keys.log_out("abc", NOW + 60)
    assert keyring(sources).revoked == {"abc"}


async def test_nothing_changes_without_a_change(sources: Sources) -> None:
    """A file that is written with what it had makes no new keyring: nobody is looked at again."""
    keys = Keys(sources, lambda: NOW)
    before = keys.watch.value
    async with running(keys):
        private.replace(sources.secrets.path, sources.secrets.path.read_bytes())
        token(sources)
        after = await holds(keys, lambda ring: bool(ring.tokens))
        private.replace(sources.tokens.path, sources.tokens.path.read_bytes())
        keys.log_out("", 0.0)
    assert keys.watch.value is after
    assert before is not after
