"""Questions of DNS clients, asked by mDNS: how often, how long, and what is remembered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from ipaddress import ip_address
from types import SimpleNamespace
from typing import cast

import pytest
from zeroconf import RecordUpdateListener, Zeroconf
from zeroconf._cache import DNSCache
from zeroconf._dns import DNSAddress, DNSNsec, DNSPointer, DNSRecord
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncZeroconf

from opencoderouter.announce.bridge import Bridge
from opencoderouter.announce.dns.records import AAAA, ANY, PTR, TXT, A, Heard, Silence
from opencoderouter.watch import Watch

IN, HTTPS = 1, 65
HOST = "printer.local."
V4, V6 = ip_address("192.0.2.1").packed, ip_address("2001:db8::1").packed
Question = tuple[str, int, bool]  # name, type, to be answered to the asker alone
HERE, THERE = "127.0.0.1", "192.0.2.7"


class Network:
    """A stack whose packets go nowhere; ``answer`` may have it hear something when it asks."""

    def __init__(self) -> None:
        self.cache = DNSCache()
        self.sent: list[list[Question]] = []
        self.listeners: set[RecordUpdateListener] = set()
        self.packets = Watch(0)
        self.answer: Callable[[int], None] = lambda _number: None

    def async_send(self, packet: DNSOutgoing) -> None:
        """Take note."""
        self.sent.append([(one.name, one.type, one.unicast) for one in packet.questions])
        self.packets.set(len(self.sent))
        self.answer(len(self.sent))

    async def was_asked(self, times: int) -> None:
        """Return when so many packets have been sent."""
        async for number in self.packets.follow():
            if number >= times:
                return

    def async_add_listener(self, listener: RecordUpdateListener, question: None) -> None:
        """Tell it what is heard."""
        assert question is None
        self.listeners.add(listener)

    def async_remove_listener(self, listener: RecordUpdateListener) -> None:
        """Tell it no more."""
        self.listeners.remove(listener)

    def hear(self, *records: DNSRecord) -> None:
        """Have it hear records, new or not."""
        self.cache.async_add_records(records)
        for listener in list(self.listeners):
            listener.async_update_records_complete()


@pytest.fixture
def network() -> Network:
    """Return a silent network."""
    return Network()


def stack(network: Network) -> AsyncZeroconf:
    """Return it as bridges get it."""
    return cast("AsyncZeroconf", SimpleNamespace(zeroconf=cast("Zeroconf", network)))


def bridge(network: Network, clock: Callable[[], float] = time.monotonic) -> Bridge:
    """Return a bridge to it."""
    return Bridge(Watch(stack(network)), clock)


def address(packed: bytes, name: str = HOST) -> DNSAddress:
    """Return what a host says of itself."""
    return DNSAddress(name, A if len(packed) == 4 else AAAA, IN, 120, packed)


def data(heard: Heard) -> list[object]:
    """Return the data of what was heard."""
    assert not isinstance(heard, Silence)
    return [record.data for record in heard]


async def test_what_is_known_is_not_asked_for(network: Network) -> None:
    """Nothing is sent for what the network has told."""
    network.hear(address(V4))
    assert data(await bridge(network).ask("Printer.local", A, HERE)) == [V4]
    assert network.sent == []


async def test_both_families_in_one_question(network: Network) -> None:
    """Clients that ask for A and AAAA at once wait for one packet, and get what there is."""
    network.answer = lambda _: network.hear(address(V4), address(V6))
    asked = bridge(network)
    heard = await asyncio.gather(*(asked.ask("printer.local", kind, HERE) for kind in (A, AAAA, A)))
    assert [data(one) for one in heard] == [[V4], [V6], [V4]]
    assert network.sent == [[(HOST, A, False), (HOST, AAAA, False)]]
    assert network.listeners == set()


@pytest.mark.parametrize("kind", [AAAA, HTTPS])
async def test_a_host_without_such_records(network: Network, kind: int) -> None:
    """That it has answered for A is the end of it: nobody waits as for one who is not there."""
    asked = bridge(network)
    async with asyncio.TaskGroup() as group:
        nobody = group.create_task(asked.ask("nobody.local", A, HERE))
        await network.was_asked(1)
        network.answer = lambda _: network.hear(address(V4))
        assert await asked.ask("printer.local", kind, HERE) == ()
        assert not nobody.done()
    assert [packet[0][0] for packet in network.sent].count(HOST) == 1


async def test_a_host_that_denies(network: Network) -> None:
    """With NSEC no question is asked at all."""
    network.hear(address(V4), DNSNsec(HOST, 47, IN, 120, HOST, [A]))
    assert await bridge(network).ask("printer.local", AAAA, HERE) == ()
    assert network.sent == []


async def test_a_name_that_nobody_has(network: Network) -> None:
    """It is asked for three times, once to be answered directly; then it is remembered."""
    asked = bridge(network)
    heard = await asyncio.gather(*(asked.ask("nobody.local", A, HERE) for _ in range(50)))
    assert set(heard) == {Silence.NOBODY}
    assert [packet[0] for packet in network.sent] == [
        ("nobody.local.", A, False),
        ("nobody.local.", A, True),
        ("nobody.local.", A, False),
    ]
    assert await asked.ask("NOBODY.local", AAAA, HERE) is Silence.NOBODY
    assert len(network.sent) == 3


async def test_who_comes_later_is_found(network: Network) -> None:
    """What was remembered as missing is forgotten as soon as it tells that it is there."""
    asked = bridge(network)
    assert await asked.ask("printer.local", A, HERE) is Silence.NOBODY
    network.hear(address(V4))
    assert data(await asked.ask("printer.local", A, HERE)) == [V4]


async def test_an_answer_to_a_later_packet(network: Network) -> None:
    """A packet that was lost is no reason to deny; after an answer no more are sent."""
    network.answer = lambda number: network.hear(address(V4)) if number == 2 else None
    assert data(await bridge(network).ask("printer.local", A, HERE)) == [V4]
    assert len(network.sent) == 2


async def test_services_of_several_hosts(network: Network) -> None:
    """Many may answer for a type of service: who is a little later is not left out."""
    loop = asyncio.get_running_loop()

    def tell(host: str) -> None:
        network.hear(DNSPointer("_x._tcp.local.", PTR, IN, 120, f"{host}._x._tcp.local."))

    def answer(_number: int) -> None:
        tell("one")
        loop.call_later(0.1, tell, "two")

    network.answer = answer
    asked = bridge(network)
    assert len(data(await asked.ask("_x._tcp.local", PTR, HERE))) == 2
    assert network.sent == [[("_x._tcp.local.", PTR, False), ("_x._tcp.local.", ANY, False)]]
    assert len(data(await asked.ask("_x._tcp.local", PTR, HERE))) == 2
    assert len(network.sent) == 1


async def test_a_host_that_is_asked_for_a_text(network: Network) -> None:
    """It is known to be there, so a client is not told that it is not."""
    network.answer = lambda _: network.hear(address(V4))
    assert await bridge(network).ask("printer.local", TXT, HERE) == ()


async def test_too_many_names(network: Network) -> None:
    """Twenty a second are asked for; the next one is refused at once, and a second later not."""
    now = [0.0]
    asked = bridge(network, lambda: now[0])
    network.answer = lambda _: network.hear(*(address(V4, f"n{n}.local.") for n in range(30)))
    async with asyncio.TaskGroup() as group:
        questions = [
            group.create_task(asked.ask(f"n{n}.local", TXT, (HERE, THERE)[n % 2]))
            for n in range(20)
        ]
        await network.was_asked(20)
        assert await asked.ask("n21.local", TXT, "fe80::1%eth0") is Silence.BUSY
        now[0] = 1.0
    assert {question.result() for question in questions} == {()}
    before = len(network.sent)
    network.cache = DNSCache()
    async with asyncio.TaskGroup() as group:
        group.create_task(asked.ask("n22.local", TXT, HERE))
        await network.was_asked(before + 1)
        now[0] = 3.0


async def test_too_many_names_of_one_network(network: Network) -> None:
    """Ten a second are asked for clients of one network; others have theirs all the same."""
    asked = bridge(network, lambda: 0.0)
    network.answer = lambda _: network.hear(*(address(V4, f"n{n}.local.") for n in range(30)))
    for n in range(10):
        assert data(await asked.ask(f"n{n}.local", A, f"192.0.2.{n}")) == [V4]
        network.cache = DNSCache()
    assert await asked.ask("n10.local", A, THERE) is Silence.BUSY
    assert data(await asked.ask("n11.local", A, HERE)) == [V4]
    assert data(await asked.ask("n11.local", A, THERE)) == [V4]  # what is known costs nothing


async def test_too_many_clients(network: Network) -> None:
    """However many wait for one name, memory is bounded: more are refused at once."""
    asked = bridge(network)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(asked.ask("nobody.local", A, HERE)) for _ in range(512)]
        await network.was_asked(1)
        assert await asked.ask("nobody.local", A, HERE) is Silence.BUSY
        assert not any(client.done() for client in waiting)


async def test_clients_that_give_up(network: Network) -> None:
    """A question that nobody waits for is forgotten, and begins anew for the next client."""
    asked = bridge(network)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asked.ask("printer.local", A, HERE)
    assert network.listeners == set()
    network.answer = lambda _: network.hear(address(V4))
    assert data(await asked.ask("printer.local", A, HERE)) == [V4]
    assert len(network.sent) == 2


async def test_no_stack() -> None:
    """While nothing can be asked, nothing is denied either."""
    assert await Bridge(Watch(None), time.monotonic).ask("printer.local", A, HERE) is Silence.BUSY


async def test_another_network(network: Network) -> None:
    """When the sockets are opened anew a question has not been heard: it is asked there again."""
    current: Watch[AsyncZeroconf | None] = Watch(stack(network))
    asked, other = Bridge(current, time.monotonic), Network()
    assert await asked.ask("late.local", A, HERE) is Silence.NOBODY
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(asked.ask("printer.local", A, HERE))
        await network.was_asked(4)
        current.set(stack(other))
        other.answer = lambda _: other.hear(address(V4, "desk.local."))
        assert data(await asked.ask("desk.local", A, HERE)) == [V4]
    assert lost.result() is Silence.BUSY
    other.answer = lambda _: other.hear(address(V4, "late.local."))
    assert data(await asked.ask("late.local", A, HERE)) == [V4]
    other.sent.clear()
    other.answer = lambda _: other.hear(address(V4))
    assert data(await asked.ask("printer.local", A, HERE)) == [V4]
    assert len(other.sent) == 1


async def test_letters_that_grow(network: Network) -> None:
    """Only ASCII letters are made small: others can be longer then, and no label any more."""
    grows = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" * 31
    network.answer = lambda _: network.hear(address(V4, f"{grows}x.local."))
    assert data(await bridge(network).ask(f"{grows}X.local", A, HERE)) == [V4]
    assert {question[0] for question in network.sent[0]} == {f"{grows}x.local."}
