"""Host keys that the user knows. Compared with ``ssh-keygen`` in ``tests/wire``."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.known_hosts import (
    Known,
    KnownHosts,
    Verdict,
    to_forget,
    to_learn,
)

ED, RSA = "ssh-ed25519", "ssh-rsa"
NOTHING: Mapping[str, str] = {}


def blob(kind: str = ED, body: str = "A") -> str:
    """Return the base64 of something that looks like a key."""
    octets = len(kind).to_bytes(4, "big") + kind.encode() + body.encode()
    return base64.b64encode(octets).decode()


def hashed(name: str) -> str:
    """Return a name as ``HashKnownHosts`` writes it."""
    salt = bytes(range(20))
    parts = (salt, hmac.digest(salt, name.encode(), "sha1"))
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in parts)


def resolved(hostname: str, port: int, options: Mapping[str, str | Path]) -> Resolved:
    """Return a host, with options of ``ssh -G``."""
    values = {key: (str(value),) for key, value in options.items()}
    return Resolved("alias", hostname, "me", port, options=values)


def known(
    tmp_path: Path,
    text: str,
    hostname: str = "web",
    port: int = 22,
    options: Mapping[str, str] = NOTHING,
) -> Known:
    """Return what is known of a host by a file with this text."""
    path = tmp_path / "known_hosts"
    path.write_text(text)
    return by_files(options={**options, "userknownhostsfile": path}, hostname=hostname, port=port)


def by_files(
    options: Mapping[str, str | Path],
    hostname: str = "web",
    port: int = 22,
) -> Known:
    """Return what is known of a host with these options."""
    return KnownHosts().of(resolved(hostname, port, options))


KEY = (ED, blob())


@pytest.mark.parametrize(
    "names",
    [
        "web",
        "WEB",
        "other,web,1.2.3.4",
        hashed("web"),
        "web,!other",
        "  \tweb\t",
    ],
)
def test_the_name_is_there(tmp_path: Path, names: str) -> None:
    """A line has a name in a list, whatever its case, or as a hash."""
    found = known(tmp_path, f"\n# c\n{names} {ED}  {blob()} comment\r\n")
    assert (found.keys, found.needs_ssh, found.broken) == ((KEY,), "", 0)
    assert found.holders == (tmp_path / "known_hosts",)


@pytest.mark.parametrize(
    "names", ["webs", "web.example.com", "[web]:22", "web,!web", "!web", hashed("other"), "#web"]
)
def test_the_name_is_not_there(tmp_path: Path, names: str) -> None:
    """Another name, or the same one negated, says nothing of a host."""
    found = known(tmp_path, f"{names} {ED} {blob()}\n")
    assert (found.keys, found.portless, found.needs_ssh) == ((), (), "")


@pytest.mark.parametrize(
    ("hostname", "port", "options", "name"),
    [
        ("web", 22, {}, "web"),
        ("Web.Example", 22, {}, "web.example"),
        ("web", 2222, {}, "[web]:2222"),
        ("::1", 22, {}, "::1"),
        ("::1", 2222, {}, "[::1]:2222"),
        ("web", 2222, {"hostkeyalias": "Other"}, "other"),
    ],
)
def test_name(tmp_path: Path, hostname: str, port: int, options: dict[str, str], name: str) -> None:
    """The name is the host's, with a port that is not 22; an alias of its own has no port."""
    text = f"{hashed(name)} {ED} {blob()}"
    found = known(tmp_path, text, hostname, port, options)
    assert (found.name, found.keys) == (name, (KEY,))


def test_without_the_port(tmp_path: Path) -> None:
    """A key of the host without its port is accepted; one with the port is the one to be."""
    bare, ported = f"web {ED} {blob()}\n", f"[web]:2222 {RSA} {blob(RSA)}\n"
    found = known(tmp_path, bare, "WEB", port=2222)
    assert (found.keys, found.portless, found.types, found.holders) == ((), (KEY,), (), ())
    assert found.verdict(*KEY) is Verdict.KNOWN
    assert found.verdict(ED, blob(body="B")) is Verdict.UNKNOWN
    found = known(tmp_path, bare + ported, port=2222)
    assert (found.keys, found.types) == (((RSA, blob(RSA)),), (RSA,))
    assert found.verdict(*KEY) is Verdict.CHANGED
    assert known(tmp_path, bare, port=2222, options={"hostkeyalias": "x"}).portless == ()


def test_verdicts(tmp_path: Path) -> None:
    """A known key is known; without any, all are unknown; else another one is a changed one."""
    found = known(tmp_path, f"web {ED} {blob()}\nweb {RSA} {blob(RSA)}\n")
    assert found.types == (ED, RSA)
    assert found.verdict(*KEY) is Verdict.KNOWN
    assert found.verdict(RSA, blob(RSA)) is Verdict.KNOWN
    assert found.verdict(RSA, blob()) is Verdict.CHANGED
    assert found.verdict("ecdsa-sha2-nistp256", blob("ecdsa-sha2-nistp256")) is Verdict.CHANGED
    assert known(tmp_path, "").verdict(*KEY) is Verdict.UNKNOWN


def test_a_name_that_looks_like_a_pattern_of_another(tmp_path: Path) -> None:
    """Dots and brackets are themselves."""
    assert known(tmp_path, f"a.c {ED} {blob()}", "abc").keys == ()
    assert known(tmp_path, f"[ab] {ED} {blob()}", "a").keys == ()


@pytest.mark.parametrize(
    ("names", "host", "reason"),
    [
        ("*.example", "web.example", "a pattern of"),
        ("web*", "webs", "a pattern of"),
        ("w?b,other", "other", "a pattern of"),
        ("@cert-authority web", "web", "a certificate authority of"),
        ("@cert-authority *,!x", "web", "a certificate authority of"),
        ("@revoked *,!x", "web", "a revoked key of"),
        ("@revoked\tweb", "web", "a revoked key of"),
        ("@revoked " + hashed("web"), "web", "a revoked key of"),
    ],
)
def test_needs_ssh(tmp_path: Path, names: str, host: str, reason: str) -> None:
    """Lines with patterns and markers are OpenSSH's to judge, if they are about the host."""
    text = f"{names} {ED} {blob()}\n{host},x {ED} {blob()}\n"
    assert known(tmp_path, text, host).needs_ssh == f"{reason} {tmp_path}/known_hosts matches"
    assert known(tmp_path, text, "x").needs_ssh == ""


def test_needs_ssh_without_the_port(tmp_path: Path) -> None:
    """A marker for the host without its port counts, as a key would."""
    text = f"@revoked web {ED} {blob()}"
    assert known(tmp_path, text, port=2222).needs_ssh
    assert known(tmp_path, f"* {ED} {blob()}", options={"hostkeyalias": "x"}).needs_ssh


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("knownhostscommand", "/bin/keys %H", "KnownHostsCommand"),
        ("verifyhostkeydns", "true", "VerifyHostKeyDNS"),
        ("verifyhostkeydns", "yes", "VerifyHostKeyDNS"),
        ("nohostauthenticationforlocalhost", "yes", "NoHostAuthenticationForLocalhost"),
        ("revokedhostkeys", "/etc/ssh/revoked", "RevokedHostKeys"),
    ],
)
def test_options_that_need_ssh(tmp_path: Path, option: str, value: str, name: str) -> None:
    """What else makes a key known, or not, is OpenSSH's to judge."""
    found = known(tmp_path, f"web {ED} {blob()}", options={option: value})
    assert found.needs_ssh == f"its configuration has {name}"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("knownhostscommand", "none"),
        ("verifyhostkeydns", "false"),
        ("verifyhostkeydns", "ask"),
        ("nohostauthenticationforlocalhost", "no"),
        ("revokedhostkeys", "none"),
    ],
)
def test_options_that_are_off(tmp_path: Path, option: str, value: str) -> None:
    """The defaults need nobody."""
    assert known(tmp_path, "", options={option: value}).needs_ssh == ""


@pytest.mark.parametrize(
    "line",
    [
        "web",
        "web ssh-ed25519",
        "web 1024 35 12345",
        f"web {ED} not-base64!",
        f"web {ED} {blob()[:4]}!{blob()[4:]}",
        f"web {ED} {blob(RSA)}",
        f"web {ED} {blob()[:8]}",
        f"web ssh-nonsense {blob('ssh-nonsense')}",
        f"@nonsense web {ED} {blob()}",
        f"@revoked @cert-authority web {ED} {blob()}",
        f"|2|a|b {ED} {blob()}",
        f"|1|YQ==|YQ== {ED} {blob()}",
        f"|1|{hashed('web')[3:8]} {ED} {blob()}",
        "\udcff\udcfe",
    ],
)
def test_broken_lines(tmp_path: Path, line: str) -> None:
    """A line that cannot be read is left out and counted; the others count."""
    path = tmp_path / "known_hosts"
    path.write_bytes(f"{line}\nweb {ED} {blob()}\n".encode(errors="surrogateescape"))
    found = by_files({"userknownhostsfile": path})
    assert (found.keys, found.broken, found.needs_ssh) == ((KEY,), 1, "")


def test_files(tmp_path: Path) -> None:
    """All files of the user and of the machine count; those that are missing do not."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    one.write_text(f"web {ED} {blob()}")
    three.write_text(f"web {ED} {blob()}\nweb {RSA} {blob(RSA)}")
    options = {
        "userknownhostsfile": f"{one} {two}",
        "globalknownhostsfile": f"{three} {os.devnull}",
    }
    found = by_files(options)
    assert found.keys == (KEY, (RSA, blob(RSA)))
    assert found.holders == (one, three)
    nothing = {"userknownhostsfile": "none", "globalknownhostsfile": "none"}
    assert by_files(nothing) == Known("web")


@pytest.mark.parametrize("value", ["/x/a b", "relative", "~/known_hosts", "/x/%h", "/x/${Y}"])
def test_files_that_are_not_clear(value: str) -> None:
    """``ssh -G`` does not quote paths: where they cannot be told, OpenSSH is to judge."""
    found = by_files({"userknownhostsfile": value})
    assert found.needs_ssh.startswith("the paths of its known_hosts files")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A directory, a pipe, a link that goes round are OpenSSH's problem; nothing waits for them."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for name in ("", "pipe", "round"):
        found = by_files({"userknownhostsfile": tmp_path / name})
        assert str(tmp_path / name) in found.needs_ssh


def test_changes_are_seen(tmp_path: Path) -> None:
    """A file is read again when it has changed, and not before."""
    path = tmp_path / "known_hosts"
    hosts, host = KnownHosts(), resolved("web", 22, {"userknownhostsfile": path})
    assert hosts.of(host).keys == ()
    path.write_text(f"web {ED} {blob()}")
    assert hosts.of(host).keys == (KEY,)
    stamp = path.stat()
    path.write_text(f"web {ED} {blob(body='BB')}")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert hosts.of(host).keys == ((ED, blob(body="BB")),)
    path.unlink()
    assert hosts.of(host).keys == ()


def test_mends(tmp_path: Path) -> None:
    """The commands name the host as ssh knows it, the right file, and the right name in it."""
    asked = "-o BatchMode=no -o StrictHostKeyChecking=ask -o RemoteCommand=none"
    assert to_learn("web") == (f"ssh {asked} -- web true",)
    assert to_learn("web", "/a b") == (f"ssh -F '/a b' {asked} -- web true",)
    assert "~" not in to_learn("web", "~/x")[0]  # quoted, a shell would not fill it in
    found = known(tmp_path, f"[web]:2222 {ED} {blob()}", port=2222)
    assert to_forget(found, "alias", "/c") == (
        f"ssh-keygen -R '[web]:2222' -f {tmp_path}/known_hosts",
        to_learn("alias", "/c")[0],
    )


def test_mends_that_only_show(tmp_path: Path) -> None:
    """Nothing is removed that is about other hosts, too, or that revokes a key."""
    for names in ("*.example", "@revoked web.example", "@cert-authority *"):
        found = known(tmp_path, f"{names} {ED} {blob()}", "web.example")
        assert to_forget(found, "alias") == (
            f"ssh-keygen -F web.example -f {tmp_path}/known_hosts",
        )
