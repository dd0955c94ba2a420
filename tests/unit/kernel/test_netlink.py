"""sock_diag: questions and answers as Linux 6.18 sent them, and as it might."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Listener
from opencoderouter.kernel.netlink import (
    Netlink,
    Part,
    exact_question,
    parse_exact,
    parse_listener,
    parse_part,
    parse_socket,
    question,
)
from opencoderouter.kernel.tcp import LISTEN, Socket, end

pytestmark = pytest.mark.skipif(
    sys.byteorder == "big" or sys.platform != "linux", reason="recorded on little-endian Linux"
)


def recorded(text: str) -> bytes:
    """Return bytes written in hexadecimal."""
    return bytes.fromhex(text)


# 127.0.0.1:30000 and 0.0.0.0:2024, both of root
IPV4 = recorded(
    "7c00000014000200000000008d560000020a0000753000007f00000100000000000000000000000000000000"
    "00000000000000000000000000000000031000000000000000000000000000008000000000000000099d0000"
    "050008000000000008000f00000000000c001500010000000000000006001600520000007c00000014000200"
    "000000008d560000020a000007e8000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000010000000000000000000000000000008000000000000000910600000500080000000000"
    "08000f00000000000c00150001000000000000000600160052000000"
)
# [::1]:30001, of root
IPV6 = recorded(
    "8400000014000200000000008d5600000a0a0000753100000000000000000000000000000000000100000000"
    "000000000000000000000000000000000410000000000000000000000000000080000000000000000a9d0000"
    "050008000000000005000b000100000008000f00000000000c00150001000000000000000600160012000000"
)
DONE = recorded("140000000300020000000000a653000000000000")
EINVAL = recorded("240000000200000000000000a6530000eaffffff") + bytes(16)
INTERRUPTED = recorded("140000000300120000000000a653000000000000")
# To an exact question with the number 7: 127.0.0.1:40100 connected to 127.0.0.1:30100, of root
ONE = recorded(
    "7c000000140000000700000009380000020100009ca475947f0000010000000000000000000000007f000001"
    "00000000000000000000000000000000372b01000000000000000000000000000000000000000000712e1001"
    "050008000000000008000f00000000000c00150001000000000000000600160052000000"
)
# The same of a client that connected to ::ffff:127.0.0.1
ONE_MAPPED = recorded(
    "7c0000001400000007000000093800000a0100009ca4759400000000000000000000ffff7f00000100000000"
    "000000000000ffff7f00000100000000392b01000000000000000000000000000000000000000000752e1001"
    "050008000000000008000f00000000000c00150001000000000000000600160012000000"
)
# [::1]:30100, listening: there was no such connection
ONE_LISTENING = recorded(
    "840000001400000007000000093800000a0a0000759400000000000000000000000000000000000100000000"
    "000000000000000000000000000000003c2b01000000000000000000010000008000000000000000782e1001"
    "050008000000000005000b000100000008000f00000000000c00150001000000000000000600160012000000"
)
NONE = recorded(
    "5c000000020000000700000009380000feffffff480000001400010007000000000000000206000000000000"
    "000100027f0000010000000000000000000000007f00000100000000000000000000000000000000"
    "ffffffffffffffff"
)
ENDS = end("127.0.0.1", 40100), end("127.0.0.1", 30100)

FOUND = frozenset({Listener("127.0.0.1", 30000, 0, 40201), Listener("0.0.0.0", 2024, 0, 1681)})
FOUND6 = frozenset({Listener("::1", 30001, 0, 40202)})


def listeners(part: Part) -> list[Listener | None]:
    """Return what the messages of a part say."""
    return [parse_listener(message) for message in part.messages]


def test_question() -> None:
    """One request for all sockets of a family that listen."""
    assert question(socket.AF_INET6)[:24] == struct.pack(
        "=IHHIIBBBxI", 72, 20, 0x301, 0, 0, socket.AF_INET6, socket.IPPROTO_TCP, 0, 1 << 10
    )
    assert len(question(socket.AF_INET)) == 72


def test_exact_question() -> None:
    """One socket is asked for by its ends, of either family, whatever its cookie."""
    assert exact_question(*ENDS, 7) == recorded(
        "4800000014000100070000000000000002060000000000009ca475947f000001000000000000000000000000"
        "7f00000100000000000000000000000000000000ffffffffffffffff"
    )
    assert exact_question(end("::1", 1), end("::1", 2), 7)[16] == socket.AF_INET6


def test_exact_answer() -> None:
    """The answer is a socket, or that there is none; IPv4 looks the same in either family."""
    assert parse_exact(ONE, 7) == Socket(1, *ENDS, uid=0, inode=17837681)
    assert parse_exact(ONE_MAPPED, 7) == Socket(1, *ENDS, uid=0, inode=17837685)
    nobody = Socket(LISTEN, end("::1", 30100), end("::", 0), uid=0, inode=17837688)
    assert parse_exact(ONE_LISTENING, 7) == nobody
    assert parse_exact(NONE, 7) is None


@pytest.mark.parametrize(
    ("data", "sequence", "message"),
    [
        pytest.param(ONE, 8, "Bad message", id="to another question"),
        pytest.param(NONE, 8, "Bad message", id="to another question that found none"),
        pytest.param(b"", 7, "Bad message", id="nothing"),
        pytest.param(ONE[:-1], 7, "Bad message", id="cut"),
        pytest.param(ONE + ONE, 7, "Bad message", id="two sockets"),
        pytest.param(DONE[:8] + b"\7" + DONE[9:], 7, "Bad message", id="the end of a list"),
        pytest.param(ONE[:16] + b"\1" + ONE[17:], 7, "Bad message", id="of another family"),
        pytest.param(EINVAL[:8] + b"\7" + EINVAL[9:], 7, "Invalid argument", id="an error"),
    ],
)
def test_no_exact_answer(data: bytes, sequence: int, message: str) -> None:
    """What is not the answer is an error, never a socket or the lack of one."""
    with pytest.raises(OSError, match=message):
        parse_exact(data, sequence)


@given(st.integers(0, len(ONE)), st.binary(max_size=3))
def test_damaged_exact_answer(at: int, wrong: bytes) -> None:
    """A damaged answer is an error, or an answer that names its ends; nothing else is raised."""
    parse_socket(wrong * at)
    with suppress(OSError):
        parse_exact(ONE[:at] + wrong + ONE[at + len(wrong) :], 7)


def test_parts() -> None:
    """A datagram may hold several sockets; the end of a dump comes in its own or in the same."""
    assert frozenset(listeners(parse_part(IPV4))) == FOUND
    assert not parse_part(IPV4).done
    whole = parse_part(IPV6 + DONE)
    assert (frozenset(listeners(whole)), whole.done) == (FOUND6, True)
    assert parse_part(DONE) == Part(done=True)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", Part()),
        (EINVAL, Part(done=True, error=errno.EINVAL)),
        (INTERRUPTED, Part(done=True, interrupted=True)),
        (IPV4[:-1], Part(error=errno.EBADMSG)),
        (IPV4[:10], Part(error=errno.EBADMSG)),
        (bytes(16), Part(error=errno.EBADMSG)),
        (DONE[:16].replace(b"\x14", b"\x10", 1), Part(done=True)),
    ],
)
def test_trouble(data: bytes, part: Part) -> None:
    """Errors, interruptions and malformed datagrams are told apart."""
    assert parse_part(data) == part


def test_another_family() -> None:
    """A message that is too short, or of a family that was not asked for, is no listener."""
    message = parse_part(IPV4).messages[0]
    assert parse_listener(message[:71]) is None
    assert parse_listener(b"\x01" + message[1:]) is None


@given(st.binary() | st.lists(st.sampled_from([IPV4, IPV6, DONE, EINVAL, b"\0"])).map(b"".join))
def test_never_raises(data: bytes) -> None:
    """No bytes raise."""
    listeners(parse_part(data))


@given(st.integers(0, len(IPV4)), st.binary(max_size=3))
def test_damage_never_raises(at: int, wrong: bytes) -> None:
    """Damaged datagrams do not raise either."""
    listeners(parse_part(IPV4[:at] + wrong + IPV4[at + len(wrong) :]))


class Script:
    """A kernel that answers what is written down, and counts what it was told."""

    def __init__(self, said: Iterable[bytes]) -> None:
        self.said = iter(said)
        self.asked = self.connected = self.closed = 0

    def connect(self) -> Script:
        """Open another socket to the same script."""
        self.connected += 1
        return self

    def send(self, data: bytes) -> int:
        """Take a question."""
        self.asked += 1
        return len(data)

    def recv(self, size: int) -> bytes:
        """Return the next datagram."""
        data = next(self.said)
        assert len(data) <= size
        return data

    def close(self) -> None:
        """Close a socket."""
        self.closed += 1


ALL = [IPV4, DONE, IPV6, DONE]


def test_both_families() -> None:
    """Two questions, one set."""
    script = Script(ALL)
    assert Netlink(script.connect)() == FOUND | FOUND6
    assert (script.asked, script.connected) == (2, 1)


def test_unchanged() -> None:
    """As long as the kernel says the same, the very same set is returned."""
    netlink = Netlink(Script([*ALL, *ALL, DONE, IPV6 + DONE]).connect)
    first = netlink()
    assert netlink() is first
    assert netlink() == FOUND6


def test_interrupted() -> None:
    """A dump that sockets came and went during is not believed, but asked for again."""
    script = Script([IPV4, INTERRUPTED, *ALL])
    assert Netlink(script.connect)() == FOUND | FOUND6
    assert script.connected == 1


def test_always_interrupted() -> None:
    """There is an end to asking again."""
    with pytest.raises(InterruptedError):
        Netlink(Script([INTERRUPTED] * 99).connect)()


def test_error() -> None:
    """What the kernel refuses is raised; the next call starts on a new socket."""
    script = Script([EINVAL, *ALL])
    netlink = Netlink(script.connect)
    with pytest.raises(OSError, match="Invalid argument"):
        netlink()
    assert (script.closed, script.connected) == (1, 1)
    assert netlink() == FOUND | FOUND6
    assert script.connected == 2
    netlink.close()
    assert script.closed == 2
