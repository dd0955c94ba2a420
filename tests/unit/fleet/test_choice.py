"""What carries commands to a host, and why."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Resolved, Via
from opencoderouter.core.fleet.preferences import Ssh, Transport
from opencoderouter.fleet import choice as choice_module
from opencoderouter.fleet.choice import Choice, choose
from opencoderouter.fleet.known_hosts import Known

AUTO, FABRIC, OPENSSH = Ssh(), Ssh(Transport.FABRIC), Ssh(Transport.OPENSSH)
KNOWN = Known("web", keys=(("ssh-ed25519", "AAAA"),))
# What `ssh -G` prints on Debian where nobody has configured anything.
DEBIAN: Mapping[str, str] = {
    "gssapiauthentication": "yes",
    "gssapikeyexchange": "no",
    "hostbasedauthentication": "no",
    "proxyusefdpass": "no",
    "pubkeyauthentication": "true",
    "requiredrsasize": "1024",
    "stricthostkeychecking": "ask",
    "hashknownhosts": "yes",
    "forwardagent": "yes",
    "controlmaster": "auto",
}


@pytest.fixture(autouse=True)
def no_kerberos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Look for credentials of Kerberos where there are none."""
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/none")


def resolved(options: Mapping[str, str], *identities: Path) -> Resolved:
    """Return a host."""
    values = {key: (value,) for key, value in {**DEBIAN, **options}.items()}
    return Resolved(
        "web", "web", "me", 22, options={**values, "identityfile": tuple(map(str, identities))}
    )


def choice(options: Mapping[str, str], known: Known = KNOWN, ssh: Ssh = AUTO) -> Choice:
    """Return what carries commands to a host with these options."""
    return choose(resolved(options), ssh, known)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"proxyjump": "a,b"},
        {"proxycommand": "nc %h %p"},
        {"identityagent": "SSH_AUTH_SOCK"},
        {"identityagent": "$OTHER"},
        {"identityagent": "/run/agent"},
        {"identityagent": "none"},
        {"certificatefile": "~/cert.pub"},
        {"hostkeyalias": "other"},
        {"compression": "yes", "addressfamily": "inet6"},
        {"preferredauthentications": "gssapi-with-mic,publickey"},
        {"stricthostkeychecking": "false"},
        {"stricthostkeychecking": "accept-new"},
        {"bindaddress": "none", "pkcs11provider": "none"},
        {"remotecommand": "tmux attach", "requesttty": "force", "localforward": "1 [a]:2"},
    ],
)
def test_fabric(options: dict[str, str]) -> None:
    """What people usually have in their configuration is Fabric's, without a word."""
    assert choice(options) == Choice(Via.FABRIC)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bindaddress": "10.0.0.1"}, "its configuration has BindAddress 10.0.0.1"),
        ({"bindinterface": "eth1"}, "its configuration has BindInterface eth1"),
        ({"hostbasedauthentication": "yes"}, "its configuration has HostbasedAuthentication yes"),
        ({"pkcs11provider": "/x.so"}, "its configuration has PKCS11Provider /x.so"),
        ({"proxyusefdpass": "yes"}, "its configuration has ProxyUseFdpass yes"),
        ({"refuseconnection": "gone"}, "its configuration has RefuseConnection gone"),
        ({"requiredrsasize": "4096"}, "its configuration has RequiredRSASize 4096"),
        ({"usekeychain": "yes"}, "its configuration has UseKeychain yes"),
        (
            {"preferredauthentications": "password"},
            "its PreferredAuthentications have no publickey",
        ),
        ({"identityagent": "/run/%i/x"}, "the path of its IdentityAgent has tokens"),
        ({"identityagent": "${RUN}/agent"}, "the path of its IdentityAgent has tokens"),
    ],
)
def test_openssh(options: dict[str, str], reason: str) -> None:
    """What paramiko cannot do is OpenSSH's, and the reason says which option it is."""
    assert choice(options) == Choice(Via.OPENSSH, reason)


@pytest.mark.parametrize("value", ["no", "off", "false", "accept-new"])
def test_keys_that_openssh_accepts(value: str) -> None:
    """Where ssh may accept a new key it does that, and notes it; else Fabric refuses it."""
    strict = {"stricthostkeychecking": value}
    assert choice(strict, Known("web")).via is Via.OPENSSH
    portless = Known("[web]:2222", portless=KNOWN.keys)
    assert choice(strict, portless).via is Via.FABRIC
    for careful in ("ask", "true", "yes"):
        assert choice({"stricthostkeychecking": careful}, Known("web")).via is Via.FABRIC


def test_keys_that_only_openssh_judges() -> None:
    """The reason of known_hosts is the reason; with Fabric forced, nobody connects."""
    known = Known("web", needs_ssh="a pattern of /k matches")
    assert choice({}, known) == Choice(Via.OPENSSH, "a pattern of /k matches")
    forced = choice({}, known, FABRIC)
    assert forced.via is Via.FABRIC
    assert forced.refused == (
        "a pattern of /k matches, so only OpenSSH can judge its key; ssh.transport is fabric"
    )


def test_types_of_host_keys() -> None:
    """A host of which only keys are known that paramiko cannot ask for is OpenSSH's."""
    token = ("sk-ssh-ed25519@openssh.com", "AAAA")
    found = choice({}, Known("web", keys=(token,)))
    assert found == Choice(Via.OPENSSH, "its key is of the type sk-ssh-ed25519@openssh.com")
    assert choice({}, Known("web", keys=(token, *KNOWN.keys))).via is Via.FABRIC


@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        ("gssapiauthentication", "{}/cache", Via.OPENSSH),
        ("gssapiauthentication", "FILE:{}/cache", Via.OPENSSH),
        ("gssapiauthentication", "FILE:{}/none", Via.FABRIC),
        ("gssapiauthentication", "KEYRING:persistent:0", Via.OPENSSH),
        ("gssapikeyexchange", "{}/cache", Via.OPENSSH),
        ("compression", "{}/cache", Via.FABRIC),
    ],
)
def test_kerberos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, variable: str, expected: Via
) -> None:
    """Logins by Kerberos are OpenSSH's where there are credentials for them."""
    (tmp_path / "cache").touch()
    monkeypatch.setenv("KRB5CCNAME", variable.format(tmp_path))
    options = {"gssapiauthentication": "no", option: "yes"}
    assert choice(options).via is expected


def test_forced() -> None:
    """What the user wants is done, and said where it is not Fabric."""
    odd = {"pkcs11provider": "/x.so"}
    assert choice(odd, KNOWN, FABRIC) == Choice(Via.FABRIC)
    assert choice({}, KNOWN, OPENSSH) == Choice(Via.OPENSSH, "ssh.transport is openssh")
    assert choice({"stricthostkeychecking": "no"}, Known("web"), FABRIC) == Choice(Via.FABRIC)


def identity(path: Path, kind: str) -> Path:
    """Write a public key; the private one is in an agent."""
    octets = len(kind).to_bytes(4, "big") + kind.encode() + b"..."
    public = path.with_name(f"{path.name}.pub")
    public.write_text(f"{kind} {base64.b64encode(octets).decode()} me@here\n")
    return path


def test_fido(tmp_path: Path) -> None:
    """A host whose only keys are on tokens is OpenSSH's; with another one Fabric tries that."""
    token = identity(tmp_path / "token", "sk-ssh-ed25519@openssh.com")
    other = identity(tmp_path / "other", "ssh-ed25519")
    missing = tmp_path / "missing"
    reason = "its key is on a FIDO token"
    assert choose(resolved({}, token, missing), AUTO, KNOWN) == Choice(Via.OPENSSH, reason)
    assert choose(resolved({}, token, other), AUTO, KNOWN) == Choice(Via.FABRIC)
    assert choose(resolved({}, missing), AUTO, KNOWN) == Choice(Via.FABRIC)


def test_every_option_has_one_handling() -> None:
    """No option stands in two lists, of which one would say nothing."""
    lists = "_RESOLVED _FABRIC _KEYS _OPENSSH _NOTHING".split()
    words = [word for name in lists for word in getattr(choice_module, name).split()]
    assert len(words) == len(set(words)) == len(choice_module.HANDLING)
    assert all(word == word.lower() for word in words)
