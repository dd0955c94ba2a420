"""What becomes of packets: rule sets as ``iptables -S`` prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.doctor.filters import Packet, judge, parse

TCP = Packet("tcp", 8080)
MDNS = Packet("udp", 5353, "224.0.0.251,ff02::fb")
UFW = """
-P INPUT DROP
-N ufw-before-input
-N ufw-not-local
-N ufw-user-input
-N ufw-logging-deny
-N ufw-track-input
-A INPUT -j ufw-before-input
-A INPUT -j ufw-track-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
"""


@pytest.mark.parametrize(
    ("text", "packet", "verdict"),
    [
        ("", TCP, "accept"),
        ("-P INPUT ACCEPT", TCP, "accept"),
        ("-P INPUT DROP", TCP, "drop"),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT", TCP, "accept"),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT", MDNS, "drop"),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 8000:8100 -j ACCEPT", TCP, "accept"),
        ("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,8080 -j ACCEPT", TCP, "accept"),
        ("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT", TCP, "drop"),
        ("-P INPUT DROP\n-A INPUT ! -i lo -j ACCEPT", TCP, "accept"),
        ("-P INPUT DROP\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", TCP, "drop"),
        ("-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW -j ACCEPT", TCP, "accept"),
        ("-A INPUT -p udp -m udp --dport 5353 -j DROP", MDNS, "drop"),
        ("-A INPUT -p udp -m udp --dport 5353 -j REJECT --reject-with icmp-x", MDNS, "drop"),
        ("-A INPUT -p udp -m udp ! --dport 53 -j DROP", MDNS, "drop"),
        ("-A INPUT -s 192.0.2.0/24 -j DROP", TCP, "unsure"),
        ("-A INPUT -s 192.0.2.0/24 -j ACCEPT", TCP, "accept"),
        ("-P INPUT DROP\n-A INPUT -s 192.0.2.0/24 -j ACCEPT", TCP, "unsure"),
        ("-A INPUT -s 192.0.2.0/24 -j DROP\n-A INPUT -j REJECT", TCP, "drop"),
        ("-A INPUT -m recent --name x -j DROP", TCP, "unsure"),
        ("-A INPUT -m limit --limit 1/min -j LOG", TCP, "accept"),
        ("-A INPUT -j NFQUEUE --queue-num 0", TCP, "unsure"),
        ("-N x\n-A INPUT -j x\n-A x -p tcp -j DROP", TCP, "drop"),
        ("-N x\n-A INPUT -j x\n-A x -p tcp -j RETURN\n-A x -j DROP", TCP, "accept"),
        ("-N x\n-A INPUT -j x\n-A x -j x", TCP, "unsure"),
        ("-A INPUT -d 224.0.0.0/4 -j DROP", MDNS, "drop"),
        ("-A INPUT -d 224.0.0.0/4 -j DROP", TCP, "accept"),
        ("-A INPUT -d 192.0.2.1/32 -j DROP", TCP, "unsure"),
        ("-A FORWARD -j DROP", TCP, "accept"),
        (UFW, TCP, "drop"),
        (UFW, MDNS, "accept"),
        (UFW + "-A ufw-user-input -p tcp -m tcp --dport 8080 -j ACCEPT", TCP, "accept"),
    ],
)
def test_rules(text: str, packet: Packet, verdict: str) -> None:
    """The first rule for the packet decides; one that may be for it makes the verdict unsure."""
    assert judge(parse(text), packet).verdict == verdict


def test_the_rule_is_named() -> None:
    """Who is told of a verdict is told of the rule."""
    rule = "-A INPUT -p udp -m udp --dport 5353 -j DROP"
    assert judge(parse(rule), MDNS).rule.endswith("--dport 5353 -j DROP")
    assert judge(parse("-P INPUT DROP"), MDNS).rule == "-P INPUT DROP"


WORDS = st.sampled_from("-P -N -A INPUT x -j -p tcp ! -d --dport a: '\" 0/0 ACCEPT -m".split())


@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join)).map("\n".join))
def test_any_text(text: str) -> None:
    """Whatever a program prints, there is a verdict."""
    assert judge(parse(text), TCP).verdict in {"accept", "drop", "unsure"}
