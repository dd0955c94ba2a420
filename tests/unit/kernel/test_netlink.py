"""sock_diag: questions and answers as Linux 6.18 sent them, and as it might."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.model import Listener
from opencoderouter.kernel.netlink import Netlink, Part, parse_listener, parse_part, question

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
