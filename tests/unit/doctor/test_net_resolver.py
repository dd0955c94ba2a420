"""What is said of names that were looked up; the LAN's tests look real ones up."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, layers

from opencoderouter.doctor import net_resolver
from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.lookup import Looked, Question
from opencoderouter.doctor.net import Told
from opencoderouter.doctor.net_resolver import look, means

Find = Callable[..., list[Finding]]
NAME = "ocr-al-box.local"
TOLD = Told(domain=NAME, addresses=("192.0.2.1", "fd00::1"), mdns="on")
BELOW = Looked(Question("ocr-doctor.localhost"), ("127.0.0.1",))
UNKNOWN = Looked(Question(NAME, socket.AF_INET), reason="unknown")


def four(*addresses: str, **more: object) -> Looked:
    """Return the answer of IPv4."""
    return Looked(Question(NAME, socket.AF_INET), addresses, **more)  # type: ignore[arg-type]


def six(*addresses: str, **more: object) -> Looked:
    """Return the answer of IPv6."""
    return Looked(Question(NAME, socket.AF_INET6), addresses, **more)  # type: ignore[arg-type]


@pytest.fixture
def finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """Return what gives the findings for what was looked up."""

    def found(
        *looked: Looked, told: Told = TOLD, hosts: str = "files dns", **environment: str
    ) -> list[Finding]:
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc/nsswitch.conf").write_text(f"hosts: {hosts}\n")
        monkeypatch.setattr(net_resolver, "look_up_all", lambda *_: list(looked))
        return look(facts(tmp_path, environment=environment), told)

    return found


def statuses(findings: list[Finding]) -> list[str]:
    """Return the statuses."""
    return [one.status.value for one in findings]


def test_a_name_that_is_known(finding: Find) -> None:
    """The announced addresses, loopback, and link-local ones are this router's."""
    found = finding(BELOW, four("192.0.2.1"), six("fd00::1", "fe80::1%eth0"))
    assert statuses(found) == ["ok", "ok"]


def test_a_name_that_leads_elsewhere(finding: Find) -> None:
    """Another address is an error."""
    assert statuses(finding(BELOW, four("203.0.113.9"), six()))[0] == "error"


@pytest.mark.parametrize(
    ("hosts", "status", "advice"),
    [
        ("files dns", "info", "libnss-mdns"),
        ("files mdns4_minimal [NOTFOUND=return] dns", "warning", "avahi-daemon"),
    ],
)
def test_a_name_that_is_unknown(finding: Find, hosts: str, status: str, advice: str) -> None:
    """It is a problem only where the machine is meant to look such names up."""
    found = finding(BELOW, UNKNOWN, six(reason="unknown"), hosts=hosts)
    assert statuses(found) == [status, "ok"]
    assert advice in found[0].mend[0]


def test_slow_answers(finding: Find) -> None:
    """To wait for an address that there is not, or for the one that there is, is a problem."""
    late = six(reason="no answer", late=True, seconds=1.6)
    found = finding(BELOW, four("192.0.2.1"), late, hosts="files mdns_minimal dns")
    assert statuses(found) == ["ok", "warning", "ok"]
    assert "mdns4_minimal" in found[1].mend[0]
    assert statuses(finding(BELOW, four("192.0.2.1", seconds=1.0), six("fd00::1"))) == [
        "ok",
        "warning",
        "ok",
    ]


def test_no_name(finding: Find) -> None:
    """Without a name of our own, the reason is told."""
    [first, _] = finding(BELOW, told=Told(down=True, reason="nobody listens"))
    assert first.status is Status.SKIPPED
    assert "nobody listens" in first.summary


@pytest.mark.parametrize(
    ("below", "status"),
    [
        (Looked(BELOW.question, ("::1", "127.0.0.1")), "ok"),
        (Looked(BELOW.question, ("127.0.0.1", "192.0.2.7")), "error"),
        (Looked(BELOW.question, reason="unknown"), "info"),
        (Looked(BELOW.question, reason="none", late=True), "warning"),
    ],
)
def test_names_below_localhost(finding: Find, below: Looked, status: str) -> None:
    """They are loopback, or unknown; else they are an error."""
    assert statuses(finding(below, told=Told())) == ["skipped", status]


def test_in_an_image(finding: Find, tmp_path: Path) -> None:
    """Nothing is installed or edited there: it is no problem, or another DNS server mends it."""
    layers(tmp_path)
    unknown = finding(BELOW, UNKNOWN, six(reason="unknown"), container="podman")
    late = Looked(BELOW.question, reason="none", late=True)
    slow = finding(late, four("192.0.2.1", seconds=1.0), six("fd00::1"), container="podman")
    assert [one.mend for one in unknown if one.mend] == []
    assert [one.mend for one in slow if one.mend] == [("docker run --dns SERVER ...",)] * 2


def test_no_means(tmp_path: Path) -> None:
    """Without the files there is what glibc does by itself, and no daemon."""
    found = means(facts(tmp_path), tmp_path)
    assert not found.any
    assert "dns files" in found.evidence[0]


@pytest.mark.parametrize("hosts", ["files dns", "files mdns4_minimal [NOTFOUND=return] dns"])
def test_a_dns_server_that_is_silent(finding: Find, tmp_path: Path, hosts: str) -> None:
    """Where mDNS is not asked, the DNS server is what is waited for: it is named."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("search x\nnameserver 192.0.2.53\n")
    late = four(late=True, seconds=1.6, reason="no answer")
    [slow] = [x for x in finding(BELOW, late, six(), hosts=hosts) if "to look it up" in x.summary]
    is_dns = "mdns" not in hosts
    assert ("192.0.2.53" in slow.mend[-1]) == is_dns
    assert ("multicast" in slow.mend[0]) != is_dns
    assert "resolv.conf: nameserver 192.0.2.53" in slow.evidence


def test_dns_that_was_set_up(tmp_path: Path) -> None:
    """Where `dns setup` wrote the servers, it takes them back."""
    record = tmp_path / "record"
    assert not means(facts(tmp_path), tmp_path, record).set_up
    record.write_text("{}")
    has = means(facts(tmp_path), tmp_path, record)
    assert net_resolver.silent_servers(has)[0] == "sudo ocr-router dns setup --undo"
