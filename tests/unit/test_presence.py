"""What runs, as files tell it."""

from __future__ import annotations

import json
import logging
import resource
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from opencoderouter import presence
from opencoderouter.presence import Presence, look, near, present

ROUTER = Presence("serve", "https", "127.0.0.1", 9000)
DNS = Presence("dns", "dns", "::1", 53)


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_found_while_it_runs(tmp_path: Path) -> None:
    """Several can run at a time; each is there as long as it runs, and nobody else can read it."""
    state = tmp_path / "state"
    assert look(str(state)) == []
    with present(state, ROUTER):
        assert look(str(state)) == [ROUTER]
        with present(state, DNS):
            assert set(look(str(state))) == {ROUTER, DNS}
            modes = {stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
            assert modes == {0o600}
        assert look(str(state)) == [ROUTER]
    assert look(str(state)) == []
    assert list(state.glob("running-*")) == []


def test_what_a_killed_one_has_left(tmp_path: Path) -> None:
    """Without the lock of a living process a file says nothing; the next that runs removes it."""
    with present(tmp_path, ROUTER):
        (file,) = tmp_path.glob("running-*")
        told = file.read_bytes()
    left = tmp_path / "running-0.json"
    left.write_bytes(told)
    assert look(str(tmp_path)) == []
    with present(tmp_path, DNS):
        assert not left.exists()
        assert look(str(tmp_path)) == [DNS]


def test_another_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What shares the directory, and runs elsewhere, is not found here, and not removed."""
    with present(tmp_path, ROUTER):
        with monkeypatch.context() as there:
            there.setattr(presence, "_here", lambda: "another")
            assert look(str(tmp_path)) == []
            with present(tmp_path, DNS):
                assert look(str(tmp_path)) == [DNS]
        assert look(str(tmp_path)) == [ROUTER]


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '["x"]', "[" * 9999])
def test_nonsense(tmp_path: Path, content: str) -> None:
    """What cannot be understood is not there."""
    with present(tmp_path, ROUTER):
        (file,) = tmp_path.glob("running-*")
        file.write_text(content)
        assert look(str(tmp_path)) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """What others may have put there is not read."""
    with present(tmp_path / "other", ROUTER):
        (file,) = (tmp_path / "other").glob("running-*")
        (tmp_path / "running-1.json").symlink_to(file)
        assert look(str(tmp_path)) == []


def test_nothing_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What runs does so all the same, and says what does not work."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING), present(tmp_path / "file", DNS):
        assert "`ocr-router health` will not find this process" in caplog.text


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Nothing half-done stays; and what fails later has nothing to do with that."""

    def run() -> None:
        with ExitStack() as end:
            with no_room():
                end.enter_context(present(tmp_path, DNS))
            raise ValueError("later")

    before = sum(1 for _ in Path("/dev/fd").iterdir())
    with pytest.raises(ValueError, match="later") as failed:
        run()
    assert failed.value.__context__ is None
    assert list(tmp_path.glob("running-*")) == []
    assert sum(1 for _ in Path("/dev/fd").iterdir()) == before


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.1", "192.0.2.1"), ("::1", "::1")],
)
def test_near(bound: str, reached: str) -> None:
    """Who listens everywhere is asked by loopback."""
    assert near([(bound, 80), ("192.0.2.9", 80)]) == (reached, 80)


def test_the_form(tmp_path: Path) -> None:
    """It is one JSON list: programs of other versions read it, too."""
    with present(tmp_path, ROUTER):
        (file,) = tmp_path.glob("running-*")
        assert json.loads(file.read_text())[1:] == ["serve", "https", "127.0.0.1", 9000]
