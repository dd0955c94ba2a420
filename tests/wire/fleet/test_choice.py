"""What we decide about options of ssh, against those that there are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Via
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.fleet.choice import HANDLING, choose
from opencoderouter.fleet.known_hosts import KnownHosts
from opencoderouter.fleet.resolve import parsed

# Options that `ssh -G` prints only where somebody has set them.
FULL = """
Host *
    BindAddress 127.0.0.1
    BindInterface lo
    CertificateFile ~/cert.pub
    ControlPath ~/.ssh/%C
    DynamicForward 1080
    HostKeyAlias other
    IdentityAgent SSH_AUTH_SOCK
    KbdInteractiveDevices pam
    KnownHostsCommand /bin/false
    LocalCommand true
    LocalForward 8080 localhost:80
    PermitRemoteOpen none
    PKCS11Provider /lib/x.so
    PreferredAuthentications publickey
    ProxyCommand nc %h %p
    RemoteCommand true
    RemoteForward 8081 localhost:80
    RevokedHostKeys /etc/ssh/revoked
    SendEnv LANG
    SetEnv A=b
Match host jumping
    ProxyJump jump
"""


def printed(config: Path, alias: str) -> str:
    """Return what ``ssh -G`` prints."""
    command = ["ssh", "-G", "-F", str(config), "--", alias]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_option_is_decided(tmp_path: Path) -> None:
    """There is nothing in ``ssh -G`` of which nobody has thought what becomes of it."""
    config = tmp_path / "config"
    config.write_text(FULL)
    lines = (printed(config, "web") + printed(config, "jumping")).splitlines()
    keywords = {line.partition(" ")[0].lower() for line in lines}
    assert keywords - HANDLING.keys() == set()
    assert {"setenv", "bindaddress", "ciphers", "knownhostscommand"} <= keywords


@pytest.mark.parametrize(
    "text",
    ["", "ProxyJump a", "ProxyCommand nc %h %p", "HashKnownHosts yes", "GSSAPIAuthentication yes"],
)
def test_usual_hosts_are_fabrics(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts as people have them are Fabric's, by what the real ssh says of them."""
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/none")
    config = tmp_path / "config"
    config.write_text(f"Host *\n    UserKnownHostsFile {tmp_path}/known\n    {text}\n")
    resolved = parsed("web", printed(config, "web"))
    assert resolved is not None
    choice = choose(resolved, Ssh(), KnownHosts().of(resolved))
    assert (choice.via, choice.reason, choice.refused) == (Via.FABRIC, "", "")
