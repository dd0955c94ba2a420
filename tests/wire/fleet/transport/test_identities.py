"""Which keys are tried, and in which order; tests/fleet/test_parity.py has real logins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.wait import until

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.keyfile import blob
from opencoderouter.fleet.transport.identities import Login

pytestmark = pytest.mark.sshd


def keygen(*arguments: str) -> None:
    """Run ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make keys; ``both`` and ``alone`` are for the agent, ``signed`` has a certificate."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("both", "alone", "file", "signed", "ca"):
        keygen("-t", "ed25519", "-N", "", "-f", str(folder / name))
    keygen("-t", "ed25519", "-N", "word", "-f", str(folder / "locked"))
    keygen("-I", "me", "-n", "me", "-s", str(folder / "ca"), str(folder / "signed.pub"))
    (folder / "broken").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nbm8=\n")
    (folder / "broken").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def agent(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run an agent."""
    path = tmp_path_factory.mktemp("agent") / "socket"
    command = ["ssh-agent", "-D", "-a", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until(path.exists)
            for name in ("alone", "both"):
                add = ["ssh-add", "-q", str(keys / name)]
                subprocess.run(add, env={**os.environ, "SSH_AUTH_SOCK": str(path)}, check=True)
            yield path
        finally:
            process.terminate()


def login(keys: Path, names: str, **options: str) -> Login:
    """Return a login with identity files of these names."""
    files = tuple(str(keys / name) for name in names.split())
    values = {key: (value,) for key, value in options.items()}
    return Login(Resolved("a", "a", "me", 22, options={**values, "identityfile": files}), 60)


def tried(one: Login, keys: Path) -> list[str]:
    """Return the names of the keys that are tried; a certificate has a star."""
    names = {blob(path): path.stem for path in keys.glob("*.pub")}
    found = [(names[key.asbytes()], key.public_blob is not None) for key in Login.keys(one)]
    one.break_off()
    return [f"{name}*" if certified else name for name, certified in found]


def test_the_order_of_ssh(keys: Path, agent: Path) -> None:
    """Certificates, the agent's that are named, its others, and then the files."""
    one = login(keys, "file signed both", identityagent=str(agent))
    assert tried(one, keys) == ["signed*", "both", "alone", "file", "signed"]


def test_only_what_is_named(keys: Path, agent: Path) -> None:
    """IdentitiesOnly leaves the agent's other keys alone; the agent is used where it has one."""
    one = login(keys, "file both", identityagent=str(agent), identitiesonly="yes")
    assert tried(one, keys) == ["both", "file"]


@pytest.mark.parametrize("named", ["SSH_AUTH_SOCK", "$OTHER", "none", ""])
def test_which_agent(keys: Path, agent: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """That of the environment, of another variable, or none at all."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    monkeypatch.setenv("OTHER", str(agent))
    one = login(keys, "file", **({"identityagent": named} if named else {}))
    assert tried(one, keys) == (["file"] if named == "none" else ["alone", "both", "file"])


def test_an_agent_that_is_not_there(keys: Path) -> None:
    """Then there are only the files."""
    assert tried(login(keys, "file", identityagent="/no/such"), keys) == ["file"]


def test_certificates_elsewhere(keys: Path, agent: Path, tmp_path: Path) -> None:
    """A certificate of its own option goes with the key that it is about, and with no other."""
    moved = tmp_path / "moved"
    moved.write_bytes((keys / "signed-cert.pub").read_bytes())
    options = {"certificatefile": str(moved), "identityagent": "none"}
    assert tried(login(keys, "file", **options), keys) == ["file"]
    assert tried(login(keys, "file signed", **options), keys)[0] == "signed*"
    del agent


def test_what_cannot_be_used(keys: Path) -> None:
    """A passphrase is noted, as is a key that paramiko cannot read; others are tried."""
    one = login(keys, "locked broken none file", identityagent="none")
    assert tried(one, keys) == ["file"]
    assert list(one.locked) == [str(keys / "locked")]
    assert list(one.foreign) == ["broken"]
