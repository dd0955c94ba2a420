"""Questions as any client asks them, and whatever is answered."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from dnslib import AAAA, RR, A, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.ports import free_port

from opencoderouter.announce.query import Reply, ask, multicast, read

NAME = "shop-al.local"


def answer(packet: bytes, *, rcode: int = 0) -> bytes:
    """Return a right answer to a question."""
    reply = DNSRecord.parse(packet).reply()
    reply.add_answer(RR(NAME, 1, rdata=A("192.0.2.1")), RR(NAME, 28, rdata=AAAA("fd00::1")))
    reply.header.rcode = rcode
    return bytes(reply.pack())


@contextmanager
def serving(say: Callable[[bytes], bytes]) -> Iterator[int]:
    """Answer over UDP and TCP, on one port, until the block ends."""
    port, (end, ended) = free_port(), socket.socketpair()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with end, ended, datagrams, socket.create_server(("127.0.0.1", port)) as streams:
        datagrams.bind(("127.0.0.1", port))

        def serve() -> None:
            while ended not in (ready := select.select([ended, datagrams, streams], [], [])[0]):
                if datagrams in ready:
                    packet, who = datagrams.recvfrom(4096)
                    datagrams.sendto(say(packet), who)
                if streams in ready:
                    _answer_one(streams, say)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:  # nobody may wait on a socket that is closed: its number is soon another one's
            end.close()
            thread.join()


def _answer_one(streams: socket.socket, say: Callable[[bytes], bytes]) -> None:
    line, _ = streams.accept()
    with line:
        said = say(line.recv(4096)[2:])
        line.sendall(len(said).to_bytes(2, "big") + said)


@pytest.mark.parametrize("tcp", [False, True])
def test_a_right_answer(tcp: bool) -> None:  # noqa: FBT001 - both
    """Code and addresses come back, over either."""
    with serving(answer) as port:
        found = ask("127.0.0.1", port, NAME, "A", tcp=tcp, within=5)
    assert isinstance(found, Reply)
    assert (found.rcode, found.addresses) == (0, ("192.0.2.1", "fd00::1"))


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    "say", [lambda _: b"", lambda _: b"nonsense", lambda packet: b"xx" + answer(packet)[2:]]
)
def test_a_wrong_answer(say: Callable[[bytes], bytes], tcp: bool) -> None:  # noqa: FBT001 - both
    """What is no answer to the question is told as that."""
    with serving(say) as port:
        assert ask("127.0.0.1", port, NAME, "A", tcp=tcp, within=5) == "the answer makes no sense"


def test_no_server() -> None:
    """Nobody there, and somebody who says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        port = free_port()
        mute.bind(("127.0.0.1", port))
        assert ask("127.0.0.1", port, NAME, "A", within=0.1) == "no answer in 0.1 s"
        assert ask("127.0.0.1", port, NAME, "A", tcp=True, within=5) == "connection refused"
    assert ask("127.0.0.1", port, NAME, "AAAA", within=5) == "connection refused"


def test_a_denial() -> None:
    """NXDOMAIN is an answer."""
    with serving(lambda packet: answer(packet, rcode=3)) as port:
        found = ask("127.0.0.1", port, NAME, "A", within=5)
    assert isinstance(found, Reply)
    assert found.rcode == 3


@given(st.binary(max_size=64) | st.binary(max_size=40).map(lambda x: b"\0\1\x80\0" + x))
def test_any_octets(data: bytes) -> None:
    """Nothing that strangers send is raised."""
    found = read(data)
    assert found is None or 0 <= found.rcode < 16


def test_mutated_answers() -> None:
    """An answer with any octet changed, or cut anywhere, is read or is none."""
    whole = answer(bytes(DNSRecord.question(NAME).pack()))
    for at in range(len(whole)):
        read(whole[:at])
        for octet in (0, 1, 0x3F, 0xC0, 0xFF):
            read(whole[:at] + bytes([octet]) + whole[at + 1 :])


def test_no_interface() -> None:
    """Without interfaces nothing is sent."""
    assert multicast((), NAME, answered=True, within=0.1) == []
