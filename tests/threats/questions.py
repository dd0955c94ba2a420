"""Questions for the DNS server: who may ask what, and what becomes of the answers."""

from __future__ import annotations

import json
import re

from tests.rig.station import OWNER
from tests.rig.wait import until
from tests.threats.row import Row
from tests.threats.town import ABROAD, AFAR, PROJECT, ZONE, Town, counter, script
from tests.threats.world import World

_NAME = f"{PROJECT}-{OWNER}"
_RATE, _BURST = 200, 400  # answers to one network, a second and at once
_MANY = 4000
# Sends questions as fast as answers are read; prints how many of them are whole, and the octets.
_FLOOD = """
import json, select, socket, sys, time
to, packet, many = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
began = time.monotonic()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    link.connect((to, 53))
    heard = []
    def take(wait):
        while select.select([link], [], [], wait)[0]:
            heard.append(link.recv(65535))
    for number in range(many):
        link.send(packet)
        if number % 16 == 0:
            take(0)
    take(0.3)
whole = [len(one) for one in heard if not one[2] & 2]
rest = [len(one) for one in heard if one[2] & 2]
print(json.dumps([whole, rest, time.monotonic() - began]))
"""
# Sends what is no question, by both ways; the same each time.
_GARBAGE = """
import random, socket, struct, sys
to, packet, draw = sys.argv[1], bytes.fromhex(sys.argv[2]), random.Random(5)
def broken():
    octets = bytearray(packet)
    for _ in range(draw.randrange(1, 6)):
        octets[draw.randrange(len(octets))] = draw.randrange(256)
    return bytes(octets[:draw.randrange(len(octets) + 1)]) + draw.randbytes(draw.randrange(3) * 9)
grows = packet[:12] + bytes([62]) + "\u0130".encode() * 31 + b"\\x05local\\0" + packet[-4:]
loops = packet[:12] + b"\\xc0\\x0c" + packet[-4:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    for number in range(3000):
        link.sendto(broken() if number % 50 else loops, (to, 53))
    link.sendto(draw.randbytes(65000), (to, 53))
    link.sendto(grows, (to, 53))
for number in range(60):
    with socket.create_connection((to, 53), 10) as link:
        what = broken()
        link.sendall(struct.pack("!H", draw.choice([0, 1, len(what), 65535])) + what)
"""


def _packet(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return bytes.fromhex("1234 0100 0001 0000 0000 0000") + labels + bytes((0, 0, kind, 0, 1))


def _sizes(said: str) -> tuple[int, int]:
    """Return the octets of question and answer, as dig says."""
    asked, answered = (
        re.search(rf"{what}: (\d+)", said) for what in ("QUERY SIZE", "MSG SIZE  rcvd")
    )
    assert asked, said
    assert answered, said
    return int(asked[1]), int(answered[1])


def _stranger(world: World) -> None:
    town = world.town
    asked = (
        *((f"{_NAME}.{zone}", kind) for zone in ("local", ZONE) for kind in ("A", "ANY")),
        *((f"_opencode._tcp.{ZONE}", "PTR"), (ZONE, "SOA"), ("www.example.com", "A")),
    )
    passed_on = counter(town.friend, "Udp", "NoPorts")
    for name, kind in asked:
        said = town.dig(name, kind, "+notcp", source=ABROAD)
        assert "status: REFUSED" in said, said
        assert "ANSWER: 0, AUTHORITY: 0" in said.partition("Got answer")[2], said
        question, answer = _sizes(said)
        assert answer <= question
        assert "Got answer" not in town.dig(name, kind, "+tcp", source=ABROAD)
    assert counter(town.friend, "Udp", "NoPorts") == passed_on
    assert town.addresses(f"{_NAME}.local", "A") == {town.dns}
    town.dig("www.example.com", "A")
    assert counter(town.friend, "Udp", "NoPorts") > passed_on


def _floods(world: World) -> None:
    town = world.town
    packet = _packet(f"_opencode._tcp.{ZONE}", 12)
    told = script(town.liar, _FLOOD, town.dns, packet.hex(), _MANY)
    whole, cut, seconds = json.loads(told)
    assert 0 < len(whole) <= _BURST + _RATE * (seconds + 1)
    assert len(whole) < _MANY / 2, "too slow to show anything"
    assert max(whole) <= 512
    assert cut
    assert max(cut) <= len(packet)
    assert len(cut) <= _MANY / 2
    assert town.addresses(f"{_NAME}.local", "A", by=town.router.host) == {town.dns}
    assert town.dns in town.dig(f"{_NAME}.local", "A", "+tcp")


def _garbles(world: World) -> None:
    town = world.town
    before = _resident(town)
    packet = _packet(f"{_NAME}.{ZONE}", 1)
    script(town.liar, _GARBAGE, town.dns, packet.hex())
    assert town.dns in town.dig(f"{_NAME}.local", "A", "+tcp")
    assert town.addresses(f"{_NAME}.local", "A", by=town.router.host) == {town.dns}
    assert _resident(town) < before + 20_000
    assert "Traceback" not in town.log
    assert "ERROR" not in town.log


def _resident(town: Town) -> int:
    """Return how much memory the router has, in KiB."""
    pid = town.router.process.child.pid
    status = town.router.host.run("cat", f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1])


def _afar(world: World) -> None:
    town = world.town
    town.friends.say(("printer.local.", "A", 120, town.friend.address))
    found = {town.friend.address}
    until(lambda: town.addresses("printer.local", "A", by=town.friend) == found)
    for kind in ("A", "AAAA", "ANY"):
        said = town.dig("printer.local", kind, source=AFAR)
        assert "status: REFUSED" in said, said
        assert town.friend.address not in said
    assert "status: REFUSED" in town.dig("_ipp._tcp.local", "PTR", "+tcp", source=AFAR)
    assert town.addresses(f"{_NAME}.local", "A", source=AFAR) == {town.dns}


def _leads_home(world: World) -> None:
    town, evil = world.town, "evil.local"
    home = town.router.host
    ours = ("127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", town.dns)
    kinds = {True: "AAAA", False: "A"}
    town.lies.say(*((f"{evil}.", kinds[":" in one], 120, one) for one in ours))
    until(lambda: town.addresses(evil, "A", by=town.friend) == {town.dns})
    assert town.addresses(evil, "AAAA", by=town.friend) == set()
    town.lies.say((f"{_NAME}.{ZONE}.", "A", 120, town.liar.address))
    mine = {f"{name}.{zone}" for name in (_NAME, f"ocr-{OWNER}-home") for zone in ("local", ZONE)}
    for name in (*mine, f"ns.{ZONE}"):
        for kind, own in (("A", home.address), ("AAAA", home.address6)):
            assert town.addresses(name, kind, by=town.friend) == {own}
    for name in (ZONE, f"www.{ZONE}", f"x.{_NAME}.{ZONE}", f"127.0.0.1.{ZONE}"):
        assert town.addresses(name, "A", by=town.friend) == set()
    assert {town.fetch(name) for name in mine} == {200}
    others = (evil, ZONE, f"www.{ZONE}", f"ns.{ZONE}", f"x.{_NAME}.{ZONE}", f"{PROJECT}-bob.{ZONE}")
    near = (f"{_NAME}.{ZONE}.evil.example", f"{_NAME}.local.{ZONE}", f"{_NAME}.example.test")
    assert {name: town.fetch(name) for name in (*others, *near)} == dict.fromkeys(
        (*others, *near), 421
    )


WHO = "another machine"
ROWS = (
    Row(
        "dns-stranger",
        WHO,
        "the Internet, by DNS",
        "our names, or those of others (`--dns-forward`)",
        _stranger,
        ("lan",),
    ),
    Row(
        "dns-floods",
        "who forges the sender of questions",
        "the network, by DNS",
        "a flood of answers there",
        _floods,
        ("lan",),
    ),
    Row(
        "dns-garbles",
        WHO,
        "the network, by DNS, with what is no question",
        "a router that does not answer",
        _garbles,
        ("lan",),
    ),
    Row(
        "dns-afar",
        WHO,
        "a private network that is not directly connected, by DNS",
        "to know who is on this one",
        _afar,
        ("lan",),
    ),
    Row(
        "dns-leads-home",
        "a page of another site",
        "a name that DNS has from here",
        "to be taken for the router's own page",
        _leads_home,
        ("lan",),
    ),
)
