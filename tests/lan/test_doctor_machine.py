"""``doctor`` on a machine with a fallback DNS server, a packet filter, a name, and ssh."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig.lan import Host, Lan, Process
from tests.rig.patient import ailing, diagnosed, follow, healthy, program
from tests.rig.router import COMMAND
from tests.rig.station import OWNER, PORT, Station, environment, station
from tests.rig.wait import until

needs_iptables = pytest.mark.skipif(not shutil.which("iptables"), reason="needs iptables")
needs_ssh = pytest.mark.skipif(not shutil.which("ssh-agent"), reason="needs ssh")
_numbers = itertools.count(20)
OWN = f"ocr-{OWNER}-one.local"
MUTE = """
import signal, socket
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 8053))
streams = socket.create_server(("127.0.0.1", 8053))
print("held", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router."""
    with station(one, "myproject") as running:
        running.announced("myproject")
        yield running


@pytest.fixture
def user(net: Lan) -> Iterator[Host]:
    """Plug in a host whose user has a home of its own, also for ssh."""
    # Each a number of its own: the end of a cable is gone a moment after its host.
    with net.host("user", next(_numbers)) as host:
        home = Path(environment(host)["HOME"])
        users = host.path("/etc/passwd")
        lines = users.read_text().splitlines()
        own = f"root:x:0:0:root:{home}:/bin/sh"
        users.write_text("\n".join([own, *[x for x in lines if not x.startswith("root:")], ""]))
        (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
        yield host


@contextmanager
def sidecar(host: Host) -> Iterator[Process]:
    """Run ``ocr-router dns`` beside the router of a host."""
    command = (COMMAND, "dns", "--router", f"http://localhost:{PORT}")
    with host.popen(*command, environment=environment(host)) as process:
        process.says("router followed")
        yield process
        process.stop()


def config(host: Host, text: str, mode: int = 0o600) -> Path:
    """Write the configuration of ssh for the user of a host."""
    path = Path(environment(host)["HOME"]) / ".ssh/config"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_no_dns_server(router: Station) -> None:
    """Without one there is nothing to look at."""
    [found] = diagnosed(router.host, "dns")
    assert found["status"] == "skipped"


def test_a_dns_server_that_answers(router: Station) -> None:
    """The sidecar is asked for the router's own name over UDP and TCP."""
    with sidecar(router.host):
        found = diagnosed(router.host, "dns")
    assert healthy(found)
    assert [router.host.address in line for line in found[0]["evidence"]] == [True, True]


def test_a_dns_server_without_a_router(user: Host) -> None:
    """Where no name is known to ask for, it is asked for one that it answers by itself."""
    with user.popen(COMMAND, "dns", environment=environment(user)) as process:
        process.says("dns listening")
        assert healthy(diagnosed(user, "dns"))
        process.stop()


def test_the_routers_own_dns_server(user: Host) -> None:
    """The one of ``serve --dns`` is found by what the router says."""
    with station(user, flags={"--dns": "127.0.0.1:5300"}):
        [found] = diagnosed(user, "dns")
    assert found["status"] == "ok"
    assert found["summary"].startswith("127.0.0.1:5300 ")


def test_a_dns_server_that_is_silent(router: Station) -> None:
    """Who holds its port and says nothing is named, to be ended; the sidecar is well then."""
    with router.host.popen("python3", "-c", MUTE) as process:
        process.says("held")
        found = ailing(diagnosed(router.host, "dns"))
        assert "does not answer over UDP and TCP" in found["summary"]
        assert found["mend"][0].endswith("  # python3")
        follow(router.host, found["mend"][0])
        process.child.wait(60)
    assert found["mend"][1] == "ocr-router dns"
    with sidecar(router.host):
        assert healthy(diagnosed(router.host, "dns"))


@pytest.mark.skipif(not shutil.which("dnsmasq"), reason="needs dnsmasq")
def test_a_dns_server_that_is_wrong(router: Station) -> None:
    """One that has another address for the router's own name is none of ours."""
    flags = "--keep-in-foreground --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts"
    own = f"--port=8053 --listen-address=127.0.0.1 --address=/{OWN}/198.51.100.1 --user=root"
    with router.host.popen("dnsmasq", *flags.split(), *own.split()) as process:
        process.says("started")
        found = ailing(diagnosed(router.host, "dns"))
        assert "198.51.100.1" in found["evidence"][0]
        assert OWN in found["summary"]


@needs_iptables
def test_a_filter_that_drops_everything(user: Host) -> None:
    """Where newcomers are dropped, the router's port and mDNS are named; the advice helps."""
    for tool in ("iptables", "ip6tables"):
        user.run(tool, "-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
        user.run(tool, "-P", "INPUT", "DROP")
    found = [one for one in diagnosed(user, "firewall") if one["status"] == "warning"]
    expected = {(family, port) for family in ("IPv4", "IPv6") for port in ("8080/tcp", "5353/udp")}
    assert {tuple(one["summary"].split()[:2]) for one in found} == {
        (f"{family}:", port) for family, port in expected
    }
    for one in found:
        follow(user, one["mend"][0])
    assert healthy(diagnosed(user, "firewall"))


@needs_iptables
def test_a_rule_that_is_not_understood(user: Host) -> None:
    """What a rule does for whom it is cannot always be told: it is said so, as no problem."""
    user.run("iptables", *"-A INPUT -s 198.51.100.0/24 -p tcp --dport 8080 -j DROP".split())
    [found] = diagnosed(user, "firewall")
    assert found["status"] == "info"
    assert "198.51.100.0/24" in found["evidence"][0]


def test_a_router_for_this_machine_only(user: Host) -> None:
    """What nobody else is to reach, no filter is in the way of."""
    [found] = diagnosed(user, "firewall", "--hostname", "127.0.0.1")
    assert found["status"] == "skipped"


def test_a_machine_without_a_proper_name(user: Host) -> None:
    """A host name that cannot be told on the network is one to be changed."""
    user.run("sh", "-c", "echo my_machine >/proc/sys/kernel/hostname")
    found = ailing(diagnosed(user, "names"), "warning")
    follow(user, found["mend"][1].replace("NAME", "machine"))
    assert healthy(diagnosed(user, "names"))


def test_a_name_that_was_lost(user: Host) -> None:
    """A project whose usual name another machine has is told, with its other name."""
    state = Path(environment(user)["OCR_STATE_DIR"])
    state.mkdir(mode=0o700, exist_ok=True)
    text = json.dumps({"alice@user:8080": {"shop": "shop-alice-user"}})
    (state / "labels.json").write_text(text)
    (state / "labels.json").chmod(0o600)
    found = ailing(diagnosed(user, "names"), "info")
    assert found["evidence"] == ["shop-alice.local: here shop-alice-user.local"]
    follow(user, found["mend"][0].replace("~", environment(user)["HOME"]))
    assert healthy(diagnosed(user, "names"))


def test_a_name_that_another_router_has(router: Station, user: Host) -> None:
    """Beside a router that has the same project of the same owner, the loser's doctor says so."""
    assert router.domain("myproject") == f"myproject-{OWNER}.local"
    with station(user, "myproject") as second:
        second.announced("myproject")
        lost = f"myproject-{OWNER}-user.local"
        until(lambda: second.domain("myproject") == lost, what=second.process.log.read_text)
        found = ailing(diagnosed(user, "names"), "info")
    assert found["evidence"] == [f"myproject-{OWNER}.local: here {lost}"]


@needs_ssh
def test_ssh_without_a_configuration(user: Host) -> None:
    """Ssh needs none."""
    found = diagnosed(user, "ssh", SSH_AUTH_SOCK="")
    assert healthy(found)
    assert found[0]["summary"].startswith("OpenSSH")


@needs_ssh
def test_a_broken_configuration(user: Host) -> None:
    """The line that ssh cannot read is named; without it all is well."""
    path = config(user, "Host box\n    HostName 192.0.2.1\n    Prot 22\n")
    found = ailing(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))
    assert found["mend"] == ["edit ~/.ssh/config at line 3"]
    number = int(found["mend"][0].rpartition(" ")[2])
    follow(user, f"sed -i {number}d {path}")
    assert healthy(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))


@needs_ssh
def test_a_configuration_that_others_can_write(user: Host) -> None:
    """Ssh refuses it; the advice mends it, and so does ``--fix``."""
    path = config(user, "Host box\n    Port 22\n", mode=0o666)
    found = ailing(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))
    follow(user, found["mend"][0].replace("~", environment(user)["HOME"]))
    assert healthy(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))
    path.chmod(0o666)
    done = program(user, "doctor", "--only", "ssh", "--fix", "--yes", SSH_AUTH_SOCK="")
    assert done.returncode == 0, done
    assert path.stat().st_mode & 0o777 == 0o644


@needs_ssh
def test_a_control_path_that_is_too_long(user: Host) -> None:
    """A socket's path that the kernel does not take is told; the advised one is short enough."""
    long = f"Host box\n    ControlPath ~/.ssh/{'x' * 90}-%C\n"
    path = config(user, long)
    found = ailing(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))
    assert "xxx" not in json.dumps(found)
    assert found["mend"][0].endswith("ControlPath ~/.ssh/%C")
    path.write_text("Host box\n    ControlPath /run/%C\n")
    assert healthy(diagnosed(user, "ssh", SSH_AUTH_SOCK=""))


@needs_ssh
def test_a_configuration_that_hangs(user: Host) -> None:
    """A command in it that does not end is a finding, within its time."""
    path = config(user, 'Match exec "sleep 30"\n    Port 22\n')
    found = ailing(diagnosed(user, "ssh", SSH_AUTH_SOCK=""), "warning")
    assert "did not end" in found["summary"]
    path.unlink()


@needs_ssh
def test_an_agent_that_has_gone(user: Host) -> None:
    """A socket nobody listens at is told; with a real agent the number of its keys is."""
    found = ailing(diagnosed(user, "ssh", SSH_AUTH_SOCK="/run/nobody"), "warning")
    assert "SSH_AUTH_SOCK" in found["summary"]
    with user.popen("ssh-agent", "-D", "-a", "/run/agent") as agent:
        agent.says("SSH_AUTH_SOCK")
        keys = diagnosed(user, "ssh", SSH_AUTH_SOCK="/run/agent")
        assert healthy(keys)
        assert "0 key(s)" in keys[-1]["summary"]
