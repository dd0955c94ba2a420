"""Private keys as ssh-keygen makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet import keyfile

pytestmark = pytest.mark.sshd
RSA = ("-t", "rsa", "-b", "2048")


def make(path: Path, *options: str) -> bytes:
    """Make a key, and return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-a", "1", "-f", str(path), *options], check=True)
    return keyfile.blob(path.with_name(f"{path.name}.pub"))


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("word", ["", "secret"])
@pytest.mark.parametrize("kind", [("-t", "ed25519"), ("-t", "ecdsa")])
def test_openssh_form(tmp_path: Path, kind: tuple[str, ...], word: str, *, beside: bool) -> None:
    """The public half is known without the passphrase, from beside or from inside."""
    path = tmp_path / "key"
    public = make(path, *kind, "-N", word)
    if not beside:
        path.with_name("key.pub").unlink()
    assert keyfile.read(path) == keyfile.KeyFile(path, public, bool(word))


@pytest.mark.parametrize("word", ["", "secret"])
def test_pem_form(tmp_path: Path, word: str) -> None:
    """The older form tells only whether it wants a passphrase."""
    path = tmp_path / "key"
    make(path, *RSA, "-m", "PEM", "-N", word)
    path.with_name("key.pub").unlink()
    assert keyfile.read(path) == keyfile.KeyFile(path, b"", bool(word))


def test_what_ssh_would_not_use(tmp_path: Path) -> None:
    """A key that others can read is none; its public half may still be in the agent."""
    path = tmp_path / "key"
    public = make(path, "-t", "ed25519", "-N", "")
    path.chmod(0o644)
    assert keyfile.read(path) == keyfile.KeyFile(path, public)
    path.with_name("key.pub").unlink()
    assert keyfile.read(path) is None
    assert keyfile.read(tmp_path / "none") is None


def test_identities(tmp_path: Path) -> None:
    """Those that are there, each once, in their order."""
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        make(path, "-t", "ed25519", "-N", "")
    named = (str(two), str(tmp_path / "none"), str(one), str(two))
    host = Resolved("a", "a", "me", 22, options={"identityfile": named})
    assert [file.path for file in keyfile.identities(host)] == [two, one]
