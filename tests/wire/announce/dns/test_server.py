"""The server as real clients see it: dig, getaddrinfo, and packets by the thousand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

import pytest
from tests.rig.mutants import packets, walk
from tests.rig.nameserver import SETTINGS, framed, serving, unframed
from tests.rig.netns import needs_network, network
from tests.rig.ports import free_port
from tests.rig.questions import APP, DOMAIN, ROUTER, TOLD, ask, opt, read, shown

from opencoderouter.announce.dns.binding import Unbound
from opencoderouter.announce.dns.query import Query, parse
from opencoderouter.announce.dns.records import A, Heard, Record, Silence, name
from opencoderouter.announce.dns.server import Dns
from opencoderouter.announce.dns.tcp import IDLE
from opencoderouter.core.announcement import Announcement
from opencoderouter.watch import Watch

needs_dig = pytest.mark.skipif(not shutil.which("dig"), reason="needs dig")
ADDRESSES = ["192.168.1.5", "10.0.0.5"]


def status(text: str) -> str:
    """Return code and flags that dig shows."""
    found = re.search(r"status: (\w+).*?flags: ([^;]*);", text, re.DOTALL)
    assert found, text
    return f"{found[1]} {found[2]}"


def complaints(text: str) -> list[str]:
    """Return what dig has to say against an answer."""
    known = ("recursion requested but not available", ".local is reserved for Multicast DNS")
    lines = [
        line
        for line in text.splitlines()
        if re.search("warning|malformed|error", line, re.IGNORECASE)
    ]
    return [line for line in lines if not line.endswith(known) and "status:" not in line]


DIGS = [
    ("app-alice.local", "NOERROR qr aa rd"),
    ("app-alice.local +tcp", "NOERROR qr aa rd"),
    ("app-alice.local +noedns", "NOERROR qr aa rd"),
    ("app-alice.local +bufsize=512", "NOERROR qr aa rd"),
    ("app-alice.local +norecurse", "NOERROR qr aa"),
    ("app-alice.local ANY", "NOERROR qr aa rd"),
    ("app-alice.local ANY +notcp", "NOERROR qr aa rd"),
    ("app-alice.local MX", "NOERROR qr aa rd"),
    ("app-alice.local TYPE65280", "NOERROR qr aa rd"),
    ("app-alice.local +dnssec +nsid +cookie=0011223344556677", "NOERROR qr aa rd"),
    ("nobody.local", "NXDOMAIN qr aa rd"),
    (f"nobody.{DOMAIN} +tcp", "NXDOMAIN qr aa rd"),
    (f"{DOMAIN} SOA", "NOERROR qr aa rd"),
    (f"{DOMAIN} AXFR +noall +comments", ""),
    ("local SOA", "NOERROR qr aa rd"),
    ("example.com", "REFUSED qr rd"),
    ("-x 192.168.1.5", "REFUSED qr rd"),
    ("version.bind CH TXT", "REFUSED qr rd"),
    ("app-alice.local +edns=7 +noednsneg", "BADVERS qr rd"),
    ("app-alice.local +opcode=NOTIFY +noedns", "NOTIMP qr rd"),
    ("app-alice.local +opcode=UPDATE +noedns", "NOTIMP qr rd"),
]


@needs_dig
@pytest.mark.parametrize(("arguments", "expected"), DIGS, ids=[one for one, _ in DIGS])
async def test_dig(arguments: str, expected: str) -> None:
    """Dig gets code and flags, and has nothing to complain about."""
    async with serving() as running:
        text = await running.dig(*arguments.split())
    if expected:
        assert status(text) == expected
        assert not complaints(text)
    else:
        assert "Transfer failed" in text


@needs_dig
@pytest.mark.parametrize("at", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("how", ["+notcp", "+tcp"])
async def test_dig_answers(at: str, how: str) -> None:
    """The records come over UDP and TCP, IPv4 and IPv6."""
    port = free_port()
    places = (("127.0.0.1", port), ("::1", port))
    async with serving(replace(SETTINGS, places=places)) as running:

        async def short(*arguments: str) -> list[str]:
            return (await running.dig("+short", how, *arguments, at=at)).splitlines()

        assert await short("aPP-ALICE.local") == ADDRESSES
        assert await short("app-alice.local", "AAAA") == ["fd00::5"]
        assert await short(f"app-alice.{DOMAIN}") == ADDRESSES
        assert await short("app-alice.local", "ANY") == ADDRESSES
        instances = ["app-alice._opencode._tcp.local.", "web-alice._opencode._tcp.local."]
        assert await short("_opencode._tcp.local", "PTR") == instances
        assert await short(instances[0], "SRV") == ["0 0 8080 app-alice.local."]
        assert await short(instances[0], "TXT") == ['"project=app" "owner=alice"']


@needs_dig
async def test_dig_case() -> None:
    """A name comes back as it was asked (0x20)."""
    async with serving() as running:
        text = await running.dig("+noall", "+question", "+answer", "aPp-AlIcE.lOcAl")
    assert text.count("aPp-AlIcE.lOcAl.") == 1 + len(ADDRESSES)


@needs_dig
async def test_dig_truncated() -> None:
    """Dig asks again over TCP when there are more addresses than fit."""
    crowd = Announcement(TOLD.services, tuple(f"10.1.0.{n}" for n in range(250)))
    async with serving(announced=crowd) as running:
        cut = await running.dig("+ignore", "app-alice.local")
        whole = await running.dig("app-alice.local")
        small = await running.dig("+ignore", "+noedns", "app-alice.local")
    assert status(cut) == "NOERROR qr aa tc rd"
    assert "retrying in TCP" in whole
    assert whole.count("10.1.0.") == 250
    rooms = [int(re.findall(r"rcvd: (\d+)", text)[-1]) for text in (cut, small)]
    assert 1200 < rooms[0] <= 1232
    assert 490 < rooms[1] <= 512


ASKING = """
import json, socket, sys
found = []
for name in sys.argv[1:]:
    try:
        rows = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
        found.append(sorted({row[4][0] for row in rows}))
    except socket.gaierror as error:
        found.append(error.errno == socket.EAI_NONAME)
print(json.dumps(found))
"""
INSIDE = """
set -e
ip link set lo up
printf 'nameserver 127.0.0.1\\n' >"$1/resolv.conf"; printf 'hosts: dns\\n' >"$1/nsswitch.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf; mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
"$@"
"""
SERVER = """
import asyncio, subprocess, sys
from dataclasses import replace
from tests.rig.nameserver import SETTINGS, serving
from tests.rig.questions import TOLD
from opencoderouter.core.announcement import Announcement

async def main():
    crowd = Announcement(TOLD.services, tuple(f"10.1.0.{n}" for n in range(200)))
    announced = crowd if sys.argv[1] == "crowd" else TOLD
    async with serving(replace(SETTINGS, places=(("127.0.0.1", 53),)), announced=announced):
        await asyncio.to_thread(subprocess.run, sys.argv[2:], check=True)

asyncio.run(main())
"""


def resolved(folder: object, which: str, *names: str) -> list[object]:
    """Return what glibc finds for names with our server in resolv.conf, at port 53."""
    asking = [sys.executable, "-c", ASKING, *names]
    inside = ["sh", "-c", INSIDE, "sh", str(folder), sys.executable, "-c", SERVER, which, *asking]
    command = ["unshare", "--net", "--mount", *inside]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found = json.loads(run.stdout)
    assert isinstance(found, list)
    return found


@needs_network
def test_getaddrinfo(tmp_path: object) -> None:
    """Glibc finds all addresses of a name, and that others are not there, without a time-out."""
    names = ("app-alice.local", f"WEB-alice.{DOMAIN}", "nobody.local", f"nobody.{DOMAIN}")
    every = sorted([*ADDRESSES, "fd00::5"])
    assert resolved(tmp_path, "few", *names) == [every, every, True, True]


@needs_network
def test_getaddrinfo_truncated(tmp_path: object) -> None:
    """Glibc comes again over TCP for an answer that did not fit."""
    (found,) = resolved(tmp_path, "crowd", "app-alice.local")
    assert found == sorted(f"10.1.0.{n}" for n in range(200))


async def test_everywhere() -> None:
    """On all addresses at once, an answer comes from the very address that was asked."""
    settings = replace(SETTINGS, places=(("0.0.0.0", 0),))
    async with serving(settings) as running:
        for at in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
            # Its socket is connected: it takes nothing from another address.
            assert shown(read(await running.ask(ask("app-alice.local"), at=at)).rr)
    async with serving(replace(SETTINGS, places=(("::", free_port()),))) as running:
        assert shown(read(await running.ask(ask("app-alice.local"), at="::1")).rr)
        with pytest.raises(ConnectionRefusedError):
            await running.ask(ask("app-alice.local"), at="127.0.0.1")  # ``::`` is IPv6 only


async def test_change() -> None:
    """A name that goes is gone from the next answer on, and the serial rises."""
    async with serving() as running:
        soa = read(await running.ask(ask(DOMAIN, "SOA"))).rr[0]
        assert len(read(await running.ask(ask("web-alice.local"))).rr) == 2
        running.told.set(Announcement(frozenset({APP, ROUTER}), ("192.168.1.6",)))
        await asyncio.sleep(0)
        assert read(await running.ask(ask("web-alice.local"))).header.rcode == 3
        assert shown(read(await running.ask(ask("app-alice.local"))).rr) == [
            "app-alice.local. 1 192.168.1.6"
        ]
        newer = read(await running.ask(ask(DOMAIN, "SOA"))).rr[0]
    assert newer.rdata.times[0] == soa.rdata.times[0] + 1


async def test_cached() -> None:
    """The same question gets the same octets, behind its own id, and is counted."""
    async with serving() as running:
        first = await running.ask(ask("app-alice.local", edns=opt()))
        again = await running.ask(b"\xab\xcd" + ask("app-alice.local", edns=opt())[2:])
        assert again == b"\xab\xcd" + first[2:]
        counts = running.dns.counts
    assert (counts["asked"], counts["answered"], counts["cached"]) == (2, 1, 1)


@pytest.mark.timeout(120)
async def test_mutants() -> None:
    """3,000 packets over a real socket: what is sent is within the rules, and it goes on."""
    async with serving() as running:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.settimeout(0)
            opened.connect(("127.0.0.1", running.port))
            for number, packet in enumerate(packets(3_000, seed=3)):
                opened.send(packet)
                opened.send(number.to_bytes(2, "big") + ask("app-alice.local")[2:])
                query, mark = parse(packet), number.to_bytes(2, "big")
                most = query.room if isinstance(query, Query) else 12
                while not is_marked(answer := await loop.sock_recv(opened, 65535), mark):
                    assert len(answer) <= most
                    walk(answer)
        assert running.dns.counts["asked"] == 6_000


def is_marked(answer: bytes, mark: bytes) -> bool:
    """Tell whether an answer is the one to the question behind the mutant."""
    return answer[:2] == mark and answer[2:4] == b"\x85\x00" and len(answer) == 65


async def test_mutants_over_tcp() -> None:
    """Over TCP, too, and the connection outlives them."""
    async with serving() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        for packet in packets(1_000, seed=4):
            writer.write(framed(packet, b"\xff\xff" + ask("web-alice.local")[2:]))
            while (answer := await unframed(reader))[:2] != b"\xff\xff":
                walk(answer)
        writer.close()
        await writer.wait_closed()


async def heard(asked: str, kind: int, _client: str) -> Heard:
    """Play the network: one host is there."""
    if asked.lower() == "host.local":
        return (Record(name(asked), A, 120, bytes([10, 0, 0, 9])),) if kind == A else ()
    return Silence.NOBODY


async def test_bridge() -> None:
    """What the network says is told over UDP and TCP; own names are not asked for."""
    async with serving(ask=heard) as running:
        assert shown(read(await running.ask(ask("Host.local"))).rr) == ["Host.local. 1 10.0.0.9"]
        assert read(await running.ask(ask("host.local", "AAAA"))).header.rcode == 0
        assert read(await running.ask(ask("other.local"))).header.rcode == 3
        assert read(await running.ask(ask("app-alice.local"))).header.aa
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(framed(ask("host.local")))
        assert len(read(await unframed(reader)).rr) == 1
        writer.close()
        await writer.wait_closed()
        assert running.dns.counts["bridged"] == 4


async def test_bridge_is_for_neighbours() -> None:
    """Who is not directly connected is told of our names only."""
    async with serving(ask=heard, near=lambda client: client != "127.0.0.1") as running:
        assert read(await running.ask(ask("host.local"))).header.rcode == 5
        assert read(await running.ask(ask("app-alice.local"))).header.rcode == 0


@needs_network
@pytest.mark.parametrize(
    ("allow", "may"), [((), False), ((ip_network("198.18.0.0/15"),), True)], ids=["no", "yes"]
)
async def test_strangers(allow: tuple[IPv4Network, ...], may: bool) -> None:  # noqa: FBT001 - a table
    """A client of a public network is refused, unless its network is allowed."""
    with network() as net:
        settings = replace(SETTINGS, places=((net.here, 0),), allow=allow)
        async with serving(settings) as running:

            async def dig(how: str) -> str:
                line = (
                    f"dig @{net.here} -p {running.port} +tries=1 +timeout=5 app-alice.local {how}"
                )
                command = net.command(*line.split())
                run = asyncio.to_thread(
                    subprocess.run, command, capture_output=True, text=True, check=False
                )
                return str((await run).stdout)

            udp, tcp = await dig("+notcp"), await dig("+tcp")
    assert ("status: NOERROR" in udp, "status: NOERROR" in tcp) == (may, may)
    assert may or "status: REFUSED" in udp


async def test_ends() -> None:
    """When it is cancelled its ports are free again, and connections are cut."""
    port = free_port()
    settings = replace(SETTINGS, places=(("127.0.0.1", port),))
    async with serving(settings):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(ask("app-alice.local")))
        await unframed(reader)
    with pytest.raises((ConnectionError, EOFError)):
        async with asyncio.timeout(IDLE / 2):  # not by its own idleness
            await reader.readexactly(1)
    writer.close()
    Dns(settings, Watch(TOLD), 1).close()


def test_forward_to_itself() -> None:
    """A server that would pass questions on to itself does not start, and leaves nothing bound."""
    places = (("127.0.0.1", free_port()),)
    with pytest.raises(Unbound, match="would ask itself"):
        Dns(replace(SETTINGS, places=places, forward=places), Watch(TOLD), 1)
    Dns(replace(SETTINGS, places=places), Watch(TOLD), 1).close()


def test_taken() -> None:
    """A port that is taken is said to be, with who has it."""
    first = Dns(SETTINGS, Watch(TOLD), 1)
    with pytest.raises(Unbound, match=rf"port {first.places[0][1]} of 127.0.0.1 is taken by .*pid"):
        Dns(replace(SETTINGS, places=first.places), Watch(TOLD), 1)
    first.close()
