"""Names on the network: what they tell, and who else says to have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dnslib import QTYPE, RR, A, DNSHeader, DNSQuestion, DNSRecord
from tests.rig.announcer import records
from tests.rig.contester import contesting
from tests.rig.http import Json
from tests.rig.lan import Process, lan
from tests.rig.station import OWNER, PORT, starting
from tests.rig.wait import until
from tests.threats.row import Row
from tests.threats.town import ABROAD, PROJECT, ZONE, Town, counter, fetch, script
from tests.threats.world import World

from opencoderouter.core import announcement
from opencoderouter.core.peers import Heard

_NASTY = "<img src=x onerror=alert(1)>\x1b[2J"
_NAME = f"{PROJECT}-{OWNER}"
_FIREFOX = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_ENOUGH = 4  # names that are lost: then the next one is not tried at once

# Tells and asks from an address far away, and asks from a near one; prints who was answered.
_FROM_AFAR = """
import json, select, socket, sys
to, taken, asked, far, near = sys.argv[1:]
links = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for link, source, packets in zip(links, (far, near), ((taken, asked), (asked,))):
    link.bind((source, 0))
    for packet in packets:
        link.sendto(bytes.fromhex(packet), (to, 5353))
select.select(links[1:], [], [], 10)
print(json.dumps([int(link in select.select(links, [], [], 0)[0]) for link in links]))
"""

# Announces services whose names and hosts zeroconf can read, and could not say again; and garbage.
_GARBLES = """
import random, socket, struct, sys
draw = random.Random(3)
def name(*labels):
    return b"".join(bytes([len(one)]) + one for one in labels) + b"\\0"
def record(owner, kind, data):
    return owner + struct.pack("!HHIH", kind, 1, 120, len(data)) + data
kind = name(b"_opencode", b"_tcp", b"local")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    for option, value in ((socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1])),
                          (socket.IP_MULTICAST_TTL, 255)):
        link.setsockopt(socket.IPPROTO_IP, option, value)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    link.bind((sys.argv[1], 5353))
    for number, bad in enumerate([b"\\xff" * 63, "\\u0130".encode() * 31, b"a.b", b"\\0"] * 2):
        label, host = (b"evil%d" % number, bad) if number < 4 else (bad, b"evil")
        own = name(label, b"_opencode", b"_tcp", b"local")
        said = (
            record(kind, 12, own)
            + record(own, 33, struct.pack("!HHH", 0, 0, 8080) + name(host, b"local"))
            + record(own, 16, b"\\0")
        )
        packet = bytes.fromhex("000084000000000300000000") + said
        link.sendto(packet, ("224.0.0.251", 5353))
        for _ in range(50):
            broken = bytearray(packet)
            for _ in range(3):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            link.sendto(broken[:draw.randrange(len(broken))], ("224.0.0.251", 5353))
"""


def _hears(world: World) -> None:
    town = world.town
    row = town.router.get("/api/backends")[0]
    assert f"{_NAME}._opencode._tcp.local" in town.overheard
    telling = [row["project_path"], "private-matters", str(world.folder), str(row["port"])]
    instances = [f"{_NAME}._opencode._tcp.{zone}" for zone in ("local", ZONE)]
    answers = [town.dig(name, kind, "+tcp") for name in instances for kind in ("TXT", "SRV", "ANY")]
    assert all("status: NOERROR" in answer for answer in answers)
    for said in (town.overheard, *answers):
        assert [word for word in (*telling, "path=", "backend=") if word in said] == []
    for zone in ("local", ZONE):
        assert _NAME not in town.dig(zone, "AXFR")
    assert _datagrams(town.router.process)
    for flags in ({"--hostname": "127.0.0.1"}, {"--mdns": "false"}):
        with starting(town.friend, [], flags) as quiet:
            until(quiet.answers, what=quiet.process.log.read_text)
            assert quiet.get("/api/health")["mdns"]["status"] == "off"
            assert not _datagrams(quiet.process)


def _datagrams(process: Process) -> set[str]:
    """Return the UDP sockets of a process: what tells nobody anything has none."""
    own, found = Path(f"/proc/{process.child.pid}"), set[str]()
    for table in ("udp", "udp6"):
        found |= {line.split()[9] for line in (own / "net" / table).read_text().splitlines()[1:]}
    held = set[str]()
    for one in (own / "fd").iterdir():
        with suppress(OSError):
            held.add(str(one.readlink()))
    return {inode for inode in found if f"socket:[{inode}]" in held}


def _forges(world: World) -> None:
    town = world.town
    before = [counter(host, "Tcp", "InSegs") for host in (town.liar, town.friend)]
    friend = _router("ocr-bob-friend", town.friend.address, owner="bob")
    wiki = _project("wiki-bob", town.friend.address, owner="bob", project="wiki")
    town.friends.say(*records(friend), *records(wiki))
    until(lambda: "ocr-bob-friend" in _peers(town))
    town.run("peer", "add", "ocr-bob-friend")
    until(lambda: _resolved(town, "wiki") == 200)
    _shows_nothing_nasty(town)
    beside = _project("files-bob", town.friend.address, town.liar.address, owner="bob")
    town.lies.say(*records(beside))
    until(lambda: "files-bob" in json.dumps(_peers(town)))
    assert _resolved(town, "files") == 404
    assert _peers(town)["ocr-bob-friend"]["verified"]
    town.lies.say(("ocr-bob-friend.local.", "A", 120, town.liar.address))
    until(lambda: not _peers(town)["ocr-bob-friend"]["verified"])
    assert _resolved(town, "wiki") == 404
    assert before == [counter(host, "Tcp", "InSegs") for host in (town.liar, town.friend)]


def _shows_nothing_nasty(town: Town) -> None:
    """Hear of somebody with hostile names: they are shown as what they are."""
    facts = dict.fromkeys(("owner", "project", "path", "version", "scheme"), _NASTY)
    town.lies.say(
        *records(_router("ocr-mallory", town.liar.address, **facts)),
        *records(_project("bank-mallory", town.liar.address, **facts)),
        *records(Heard(announcement.ROUTER, "<b>", "evil.example", PORT, (town.liar.address,))),
    )
    until(lambda: "ocr-mallory" in _peers(town))
    found = _peers(town)["ocr-mallory"]
    assert not found["verified"]
    assert [one["url"] for one in found["projects"]] == [f"http://bank-mallory.local:{PORT}/"]
    assert _resolved(town, "bank") == _resolved(town, "bank-mallory") == 404
    assert "<b>" not in _peers(town)
    page = town.router.host.curl(f"http://127.0.0.1:{PORT}/", "--header", "Accept: text/html")
    listed = town.run("browse")
    assert "bank-mallory" in listed
    assert "<img" not in page
    assert "\x1b" not in listed


def _router(label: str, *addresses: str, **txt: str) -> Heard:
    host = f"{label}.local"
    return Heard(announcement.ROUTER, label, host, PORT, addresses, tuple(txt.items()))


def _project(label: str, *addresses: str, **txt: str) -> Heard:
    host = f"{label}.local"
    return Heard(announcement.PROJECT, label, host, PORT, addresses, tuple(txt.items()))


def _peers(town: Town) -> Mapping[str, Json]:
    return {peer["label"]: peer for peer in town.router.get("/api/peers")}


def _resolved(town: Town, name: str) -> int:
    return town.fetch("localhost", f"/api/resolve?name={name}&scope=lan")


def _takes(world: World) -> None:
    folder = world.make("contested")
    with (
        lan(folder) as net,
        net.host("home", 1) as home,
        net.host("liar", 6) as liar,
        contesting(liar),
        starting(home, [folder / "shop"]) as router,
    ):
        until(router.answers, what=router.process.log.read_text)

        def lost(slug: str) -> int:
            return router.process.log.read_text().count(f"mdns name lost host={slug}-{OWNER}")

        until(lambda: min(lost("shop"), lost("ocr")) >= _ENOUGH, what=router.process.log.read_text)
        lines = len(router.process.log.read_text().splitlines())
        rows = [router.get("/api/backends")[0] for _ in range(30)]
        assert max(lost("shop"), lost("ocr")) <= _ENOUGH + 2
        assert len(router.process.log.read_text().splitlines()) < lines + 30
        assert {row["status"] for row in rows} == {"ready"}
        assert fetch(home, f"{_NAME}.local", "/session") == 200
        assert fetch(home, f"{_NAME}-home.local", "/session") == 421
        until(lambda: fetch(home, router.domain("shop"), "/session") == 200)


def _ends(world: World) -> None:
    town = world.town
    own = (_project(_NAME, town.dns), _router(f"ocr-{OWNER}-home", town.dns))
    for service in own:
        town.lies.say(*records(service, ttl=0))
        town.lies.say((f"{service.host}.", "A", 0, town.liar.address))
        for _ in range(3):
            assert town.router.told(service.host) == [town.dns]
            assert town.addresses(service.host, "A") == {town.dns}
    assert town.router.domain(PROJECT) == f"{_NAME}.local"
    assert "mdns conflict" not in town.log


def _garbles(world: World) -> None:
    town = world.town
    script(town.liar, _GARBLES, town.liar.address)
    town.lies.say(*records(_router("ocr-after", town.liar.address)))
    until(lambda: "ocr-after" in _peers(town))
    assert town.router.told(f"{_NAME}.local") == [town.dns]
    assert "Traceback" not in town.log
    assert "ERROR" not in town.log


def _from_afar(world: World) -> None:
    town = world.town
    taken, asked = DNSRecord(DNSHeader(id=7, bitmap=0x8400)), DNSRecord(DNSHeader(id=7))
    taken.add_answer(RR(f"{_NAME}.local", QTYPE.A, 0x8001, 120, A(ABROAD)))
    asked.add_question(DNSQuestion("_opencode._tcp.local", QTYPE.PTR))
    packets = (taken.pack().hex(), asked.pack().hex())
    said = script(town.liar, _FROM_AFAR, town.dns, *packets, ABROAD, town.liar.address)
    assert said == "[0, 1]\n"
    assert town.router.told(f"{_NAME}.local") == [town.dns]
    assert "mdns conflict" not in town.log


def _rebinds(world: World) -> None:
    town = world.town
    for name in (f"{_NAME}.local", f"{_NAME}.{ZONE}", f"ocr-{OWNER}-home.local"):
        page = ("--header", _FIREFOX, "--header", f"Origin: http://{name}:{PORT}")
        assert town.fetch(name, "/session", *page) == 401
        assert town.fetch(name, "/session", *page, "--request", "POST", "--data", "{}") == 401
    near = ("--header", _FIREFOX, "--header", "Sec-Fetch-Site: same-origin")
    assert town.fetch(f"{PROJECT}.localhost", "/session", *near) == 200


WHO, WHERE = "another machine", "the network, by mDNS"
ROWS = (
    Row("mdns-tells", WHO, WHERE, "to know directories and servers' ports", _hears, ("lan",)),
    Row(
        "mdns-forges-router",
        WHO,
        "a forged announcement",
        "a connection, a password, or to be taken for an accepted router",
        _forges,
        ("lan",),
    ),
    Row(
        "mdns-takes-names",
        WHO,
        "forged answers that it has each of our names",
        "a router that is busy with names, or not reached",
        _takes,
        ("lan",),
    ),
    Row("mdns-ends-names", WHO, "forged goodbyes", "our names gone", _ends, ("lan",)),
    Row(
        "mdns-garbles",
        WHO,
        "the network, by mDNS, with what cannot be read or said again",
        "a router that has ended, or a log without end",
        _garbles,
        ("lan",),
    ),
    Row(
        "mdns-from-afar",
        WHO,
        "the Internet, by packets to the port of mDNS",
        "our names, or to take them",
        _from_afar,
        ("lan",),
    ),
    Row(
        "site-rebinds-names",
        "a page of another site",
        "one of our names on the network, after its maker has answered for it",
        "a shell",
        _rebinds,
        ("lan",),
    ),
)
