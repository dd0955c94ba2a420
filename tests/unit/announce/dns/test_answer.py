"""What becomes of a question, in tables; dnslib reads the answers."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from tests.rig.questions import DOMAIN, TOLD, ZONE, answered, ask, labels, opt, read, shown

from opencoderouter.announce.dns.answer import (
    Answer,
    Bridge,
    Decision,
    Drop,
    Forward,
    Kind,
    Refuse,
    Rules,
    bridged,
    cut,
    decide,
    failure,
    refusal,
)
from opencoderouter.announce.dns.records import (
    AAAA,
    PTR,
    SRV,
    A,
    Heard,
    Record,
    Service,
    Silence,
    name,
)
from opencoderouter.announce.dns.zone import zone
from opencoderouter.core.announcement import Announcement

BRIDGING, FORWARDING = Rules(bridge=True), Rules(forward=True)
INSTANCE = "app-alice._opencode._tcp"


@dataclass(frozen=True)
class Case:
    """A question, and code, answers and authorities of what comes back."""

    name: str
    type: str
    rcode: int = 0
    answers: tuple[str, ...] = ()
    denied: str = ""  # the apex whose SOA is there


CASES = [
    Case("app-alice.local", "A", answers=("192.168.1.5", "10.0.0.5")),
    Case("app-alice.local", "AAAA", answers=("fd00::5",)),
    Case("APP-Alice.LOCAL", "AAAA", answers=("fd00::5",)),
    Case("ocr-alice-box.local", "AAAA", answers=("fd00::5",)),
    Case(f"app-alice.{DOMAIN}", "AAAA", answers=("fd00::5",)),
    Case(f"{INSTANCE}.local", "SRV", answers=("0 0 8080 app-alice.local.",)),
    Case(f"{INSTANCE}.{DOMAIN}", "SRV", answers=(f"0 0 8080 app-alice.{DOMAIN}.",)),
    Case(f"{INSTANCE}.local", "TXT", answers=('"project=app","owner=alice"',)),
    Case(
        "_opencode-router._tcp.local",
        "PTR",
        answers=("ocr-alice-box._opencode-router._tcp.local.",),
    ),
    Case(f"lb._dns-sd._udp.{DOMAIN}", "PTR", answers=(f"{DOMAIN}.",)),
    Case(DOMAIN, "NS", answers=(f"ns.{DOMAIN}.",)),
    Case(DOMAIN, "SOA", answers=(f"ns.{DOMAIN}. hostmaster.{DOMAIN}. 7 3600 600 86400 5",)),
    # There, but not of this type.
    Case("app-alice.local", "MX", denied="local"),
    Case("app-alice.local", "TXT", denied="local"),
    Case("app-alice.local", "HTTPS", denied="local"),
    Case("app-alice.local", "TYPE65280", denied="local"),
    Case("app-alice.local", "CNAME", denied="local"),
    Case("app-alice.local", "SOA", denied="local"),
    Case(f"app-alice.{DOMAIN}", "SOA", denied=DOMAIN),
    Case("_tcp.local", "A", denied="local"),
    Case("_tcp.local", "ANY", denied="local"),
    Case(f"_dns-sd._udp.{DOMAIN}", "PTR", denied=DOMAIN),
    Case("local", "A", denied="local"),
    Case("local", "SOA", denied="local"),
    Case("local", "NS", denied="local"),
    Case(DOMAIN, "A", denied=DOMAIN),
    # Not there.
    Case(f"nobody.{DOMAIN}", "A", 3, denied=DOMAIN),
    Case(f"nobody.{DOMAIN}", "ANY", 3, denied=DOMAIN),
    Case(f"x.app-alice.{DOMAIN}", "A", 3, denied=DOMAIN),
    Case("nobody.local", "A", 3, denied="local"),
    Case("a.b.c.local", "TYPE65280", 3, denied="local"),
    # Nothing of ours.
    Case("example.com", "A", 5),
    Case("test", "SOA", 5),
    Case(".", "NS", 5),
    Case("5.1.168.192.in-addr.arpa", "PTR", 5),
    Case("app-alice", "A", 5),
    Case("local", "AXFR", 5),
    Case(DOMAIN, "AXFR", 5),
    Case(DOMAIN, "IXFR", 5),
]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("edns", [b"", opt(4096)], ids=["plain", "edns"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.type}")
def test_own(case: Case, edns: bytes, tcp: bool) -> None:  # noqa: FBT001 - both ways
    """Each question has its code, its answers, and SOA where there is none (RFC 2308)."""
    answer = read(answered(ask(case.name, case.type, edns=edns), tcp=tcp))
    assert answer.header.rcode == case.rcode
    assert tuple(str(one.rdata) for one in answer.rr) == case.answers
    denied = [(str(one.rname), one.rtype, one.ttl) for one in answer.auth]
    assert denied == ([(f"{case.denied}.", 6, 5)] if case.denied else [])
    assert answer.header.aa == (case.rcode != 5)
    assert (answer.header.id, answer.header.qr, answer.header.rd) == (0x1234, 1, 1)
    assert (answer.header.ra, answer.header.tc) == (0, 0)
    assert bool([one for one in answer.ar if one.rtype == 41]) == bool(edns)


def test_helpful() -> None:
    """Whoever asks for instances gets services, texts and addresses with them."""
    answer = read(answered(ask("_opencode-router._tcp.local", "PTR", edns=opt())))
    assert shown(answer.ar) == [
        "ocr-alice-box._opencode-router._tcp.local. 33 0 0 8080 ocr-alice-box.local.",
        'ocr-alice-box._opencode-router._tcp.local. 16 "owner=alice"',
        "ocr-alice-box.local. 1 192.168.1.5",
        "ocr-alice-box.local. 1 10.0.0.5",
        "ocr-alice-box.local. 28 fd00::5",
    ]


@pytest.mark.parametrize(
    ("of", "kind"),
    [("app-alice.local", 1), (f"{INSTANCE}.local", 33), ("_opencode._tcp.local", 12)],
)
def test_any(of: str, kind: int) -> None:
    """ANY gets one set of what is there (RFC 8482 section 4.1)."""
    answer = read(answered(ask(of, "ANY")))
    assert {one.rtype for one in answer.rr} == {kind}


def test_case_is_kept() -> None:
    """Question and owner are spelled as they were asked, octet by octet."""
    wire = answered(ask("aPP-aLICE.LOcAL"))
    assert wire[12:].startswith(labels("aPP-aLICE.LOcAL"))
    assert str(read(wire).rr[0].rname) == "aPP-aLICE.LOcAL."


def test_claimed() -> None:
    """With the option, and only with it, SOA of ``local.`` is answered: nss-mdns asks for it."""
    claimed = zone(TOLD, 7, domain=None, claims_local=True)
    (found,) = read(answered(ask("local", "SOA"), of=claimed)).rr
    assert (str(found.rname), found.rtype) == ("local.", 6)


@pytest.mark.parametrize("klass", [0, 2, 3, 254, 255])
def test_class(klass: int) -> None:
    """Nothing but the internet is known here: no version.bind."""
    answer = read(answered(ask("version.bind", "TXT", klass=klass)))
    assert answer.header.rcode == 5


def test_version() -> None:
    """A newer EDNS gets BADVERS, and our version."""
    wire = answered(ask("app-alice.local", edns=opt(version=1)))
    (found,) = read(wire).ar
    assert (wire[3] & 15, found.ttl >> 24, found.ttl >> 16 & 255) == (0, 1, 0)
    assert not read(wire).rr


@pytest.mark.parametrize("packet", [b"", b"x" * 11, ask("a", flags=0x8000)])
def test_silence(packet: bytes) -> None:
    """What is no question is not answered."""
    assert decide(packet, ZONE, FORWARDING, tcp=False) == Drop()


@pytest.mark.parametrize(("packet", "rcode"), [(ask("a") + b"x", 1), (ask("a", flags=0x2800), 4)])
def test_header_only(packet: bytes, rcode: int) -> None:
    """What is no valid question, or none that we know, gets twelve octets."""
    decision = decide(packet, ZONE, FORWARDING, tcp=False)
    assert isinstance(decision, Answer)
    assert decision.kind is Kind.ERROR
    assert (len(decision.wire), decision.wire[3] & 15) == (12, rcode)


def many(number: int) -> Announcement:
    """Return an announcement with many addresses."""
    return Announcement(TOLD.services, tuple(f"10.1.{n >> 8}.{n & 255}" for n in range(number)))


@pytest.mark.parametrize(("edns", "room"), [(b"", 512), (opt(100), 512), (opt(9000), 1232)])
def test_truncated(edns: bytes, room: int) -> None:
    """More addresses than fit are cut with TC over UDP, and whole over TCP."""
    crowded = zone(many(300), 1, domain=None, claims_local=False)
    packet = ask("app-alice.local", edns=edns)
    udp, tcp = answered(packet, of=crowded), answered(packet, of=crowded, tcp=True)
    assert room - 16 < len(udp) <= room
    assert (read(udp).header.tc, read(tcp).header.tc) == (1, 0)
    assert len(read(tcp).rr) == 300


def test_lasting() -> None:
    """Names that are there are answered the same while the zone is; the others are without end."""

    def lasting(of: str, kind: str = "A") -> bool:
        decision = decide(ask(of, kind), ZONE, Rules(), tcp=False)
        assert isinstance(decision, Answer)
        return decision.lasting

    assert lasting("app-alice.local")
    assert lasting("app-alice.local", "MX")
    assert not lasting(f"nobody.{DOMAIN}")


@pytest.mark.parametrize(
    ("packet", "rules", "expected"),
    [
        (ask("host.local"), BRIDGING, Bridge),
        (ask("_ipp._tcp.local", "PTR"), BRIDGING, Bridge),
        (ask("x.app-alice.local"), BRIDGING, Bridge),
        (ask("app-alice.local"), BRIDGING, Answer),
        (ask("app-alice.local", "MX"), BRIDGING, Answer),
        (ask("_tcp.local", "PTR"), BRIDGING, Answer),
        (ask("host.local", "HTTPS"), BRIDGING, Answer),
        (ask("host.local", "SOA"), BRIDGING, Answer),
        (ask("host.local", "AXFR"), BRIDGING, Refuse),
        (ask("host.local", klass=3), BRIDGING, Refuse),
        (ask("host.local"), FORWARDING, Answer),
        (ask(f"host.{DOMAIN}"), Rules(bridge=True, forward=True), Answer),
        (ask("example.com"), BRIDGING, Refuse),
        (ask("example.com"), FORWARDING, Forward),
        (ask("4.3.2.1.in-addr.arpa", "PTR"), FORWARDING, Forward),
        (ask("example.com", flags=0), FORWARDING, Refuse),
        (ask("example.com", "AXFR"), FORWARDING, Refuse),
        (ask("example.com", klass=3), FORWARDING, Refuse),
    ],
)
def test_others(packet: bytes, rules: Rules, expected: type[Decision]) -> None:
    """The network is asked for other local names, servers for all else, if there are any."""
    assert isinstance(decide(packet, ZONE, rules, tcp=False), expected)


def bridge(packet: bytes, *, tcp: bool = False) -> Bridge:
    """Return what the network is to be asked."""
    decision = decide(packet, ZONE, BRIDGING, tcp=tcp)
    assert isinstance(decision, Bridge)
    return decision


def test_bridge() -> None:
    """It is asked for the name in the client's case; for addresses when ANY is wanted."""
    asked = bridge(ask("Host.local", "AAAA"))
    assert (asked.name, asked.type) == ("Host.local", AAAA)
    assert bridge(ask("host.local", "ANY")).type == A


def test_not_asked() -> None:
    """For types that nobody has, nobody is asked; that says nothing of the name."""
    answer = read(answered(ask("host.local", "HTTPS"), rules=BRIDGING))
    assert (answer.header.rcode, answer.header.aa) == (0, 0)
    assert [str(one.rname) for one in answer.auth] == ["local."]


@pytest.mark.parametrize("label", [b"v1.0", b"\xff\xfe"])
def test_cannot_be_asked(label: bytes) -> None:
    """A name that cannot be written with dots gets SERVFAIL: whether it is there is not known."""
    packet = ask("xy.local").replace(b"\2xy", bytes([len(label)]) + label)
    decision = decide(packet, ZONE, BRIDGING, tcp=False)
    assert isinstance(decision, Answer)
    assert decision.wire[3] & 15 == 2


HOST = name("host.local")
FOUND = Record(HOST, A, 4500, ip_address("10.0.0.9").packed)


@pytest.mark.parametrize(
    ("heard", "rcode", "answers", "denied"),
    [
        ((FOUND,), 0, ["Host.local. 1 10.0.0.9"], False),
        ((), 0, [], True),
        (Silence.NOBODY, 3, [], True),
        (Silence.BUSY, 2, [], False),
        ((Record(HOST, AAAA, 9, bytes(16)),), 0, [], True),
        ((Record(name("other.local"), A, 9, bytes(4)),), 0, [], True),
        (
            (Record((b"a" * 64, b"local"), A, 9, bytes(4)), FOUND),
            0,
            ["Host.local. 1 10.0.0.9"],
            False,
        ),
    ],
)
def test_bridged(heard: Heard, rcode: int, answers: list[str], denied: bool) -> None:  # noqa: FBT001 - a table
    """What was heard is told, and nothing else; silence is told for what it means."""
    answer = read(bridged(bridge(ask("Host.local")), heard, ZONE, BRIDGING).wire)
    assert (answer.header.rcode, answer.header.aa) == (rcode, 0)
    assert shown(answer.rr) == answers
    assert [str(one.rname) for one in answer.auth] == (["local."] if denied else [])


def test_bridged_others() -> None:
    """What helps comes along, and nothing may be kept for long (RFC 8766 section 5.5.1)."""
    service = Record(name("p._ipp._tcp.local"), SRV, 120, Service(631, HOST))
    heard = (Record(name("_ipp._tcp.local"), PTR, 4500, service.name), service, FOUND)
    asked = bridge(ask("_ipp._tcp.local", "PTR", edns=opt()))
    answer = read(bridged(asked, heard, ZONE, BRIDGING).wire)
    assert len(answer.rr) == 1
    assert shown(answer.ar) == [
        "p._ipp._tcp.local. 33 0 0 631 host.local.",
        "host.local. 1 10.0.0.9",
    ]
    assert {one.ttl for one in [*answer.rr, *answer.ar[:2]]} == {10}


def test_recursion_available() -> None:
    """It is said to be there where questions are forwarded."""
    assert read(answered(ask("app-alice.local"), rules=FORWARDING)).header.ra


@pytest.mark.parametrize("packet", [ask("app-alice.local"), ask("example.com", edns=opt())])
@pytest.mark.parametrize(("make", "flags"), [(refusal, 0x8105), (cut, 0x8300)])
def test_short(packet: bytes, make: object, flags: int) -> None:
    """Who may not ask, or asks too much, gets no more octets than it sent, whatever it asks."""
    assert callable(make)
    wire = make(packet)
    assert int.from_bytes(wire[2:4], "big") == flags
    assert len(wire) <= len(packet)
    assert not read(wire).rr


def test_short_of_nothing() -> None:
    """What is no question gets nothing there, too, or a header."""
    assert refusal(b"abc") is None
    assert cut(ask("a", flags=0x8000)) is None
    assert len(refusal(ask("a") + b"x") or b"") == 12


def test_failure() -> None:
    """What cannot be found out gets SERVFAIL."""
    decision = decide(ask("example.com"), ZONE, FORWARDING, tcp=False)
    assert isinstance(decision, Forward)
    assert read(failure(decision.query)).header.rcode == 2
