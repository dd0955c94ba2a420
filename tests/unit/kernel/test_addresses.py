"""rtnetlink: what the kernel says of interfaces, and what it might."""

from __future__ import annotations

import errno
import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.kernel.addresses import Interface, assemble, messages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rtnetlink is Linux's")
NEWLINK, NEWADDR, DONE, ERROR = 16, 20, 3, 2
UP, LOOPBACK, MULTICAST = 0x1, 0x8, 0x1000
TENTATIVE = 0x40
INET, INET6 = int(socket.AF_INET), int(socket.AF_INET6)


def attribute(kind: int, data: bytes) -> bytes:
    """Return an attribute, padded."""
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def link(index: int, name: str, flags: int, master: str = "") -> tuple[int, bytes]:
    """Return what the kernel says of an interface."""
    told = attribute(3, name.encode() + b"\0")
    if master:
        told += attribute(18, attribute(4, master.encode() + b"\0"))
    return NEWLINK, struct.pack("=BxHiII", 0, 1, index, flags, 0) + told


def address(index: int, text: str, flags: int = 0, *, other: str = "") -> tuple[int, bytes]:
    """Return what the kernel says of an address; ``other`` is the other end of its link."""
    family = INET6 if ":" in text else INET
    told = attribute(8, struct.pack("=I", flags))
    if family == INET:
        told += attribute(2, socket.inet_aton(text))
        told += attribute(1, socket.inet_aton(other or text))
    else:
        told += attribute(1, socket.inet_pton(INET6, text))
    return NEWADDR, struct.pack("=BBBBI", family, 24, flags & 0xFF, 0, index) + told


def datagram(*parts: tuple[int, bytes], flags: int = 2) -> bytes:
    """Return messages as they come."""
    packed = b""
    for kind, body in parts:
        packed += struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body
        packed += bytes(-len(body) % 4)
    return packed


def test_interfaces() -> None:
    """Those that are up, by index, with name, kind and addresses, IPv4 first."""
    links = [
        link(3, "eth0", UP | MULTICAST),
        link(1, "lo", UP | LOOPBACK),
        link(7, "off0", MULTICAST),
    ]
    told = [
        address(3, "2001:db8::3"),
        address(3, "192.0.2.3"),
        address(3, "192.0.2.3"),
        address(1, "127.0.0.1"),
        address(7, "192.0.2.7"),
    ]
    assert assemble(links, told) == (
        Interface("lo", 1, ("127.0.0.1",), multicast=False, loopback=True),
        Interface("eth0", 3, ("192.0.2.3", "2001:db8::3")),
    )


def test_an_address_that_is_tried_out_is_left_out() -> None:
    """Nobody can bind an IPv6 address before the kernel knows that no one else has it."""
    told = [address(3, "2001:db8::3", TENTATIVE), address(3, "192.0.2.3")]
    (found,) = assemble([link(3, "eth0", UP)], told)
    assert found.addresses == ("192.0.2.3",)


@pytest.mark.parametrize("flags", [0x01, 0x20], ids=["temporary", "deprecated"])
def test_an_address_that_is_soon_given_up_is_left_out(flags: int) -> None:
    """Others would keep a name for it; the same bits say something else of IPv4."""
    told = [address(3, "2001:db8::3", flags), address(3, "192.0.2.3", flags)]
    (found,) = assemble([link(3, "eth0", UP)], told)
    assert found.addresses == ("192.0.2.3",)


def test_ports_of_a_bridge_are_left_out() -> None:
    """The bridge speaks for what is plugged into it; a member of a VRF speaks for itself."""
    links = [
        link(3, "veth1", UP, "bridge"),
        link(4, "eth0", UP, "bond"),
        link(5, "eth1", UP, "vrf"),
    ]
    assert [one.name for one in assemble(links, [])] == ["eth1"]


def test_of_a_tunnel_our_end_counts() -> None:
    """The other end's address is told as well, and is not ours."""
    (found,) = assemble([link(3, "tun0", UP)], [address(3, "10.8.0.1", other="10.8.0.2")])
    assert found.addresses == ("10.8.0.1",)


def test_messages() -> None:
    """A datagram has any number of messages, each at a multiple of four octets."""
    parts = ((NEWLINK, b"12345"), (NEWADDR, b""), (DONE, bytes(4)))
    assert tuple(messages(datagram(*parts))) == parts


def test_an_error_is_raised() -> None:
    """What the kernel refuses has an errno."""
    body = struct.pack("=i", -errno.EPERM) + bytes(16)
    with pytest.raises(OSError, match="not permitted") as raised:
        list(messages(datagram((ERROR, body))))
    assert raised.value.errno == errno.EPERM


def test_a_list_with_a_hole_is_no_list() -> None:
    """Where something changed while it was told, it has to be asked again."""
    with pytest.raises(InterruptedError):
        list(messages(datagram((NEWLINK, b""), flags=0x10)))


@given(st.binary(max_size=100))
def test_nonsense_is_an_error(data: bytes) -> None:
    """No octets raise anything but OSError."""
    try:
        list(messages(data))
    except OSError as error:
        assert error.errno  # noqa: PT017 - or no error at all


def test_networks() -> None:
    """Each address has its network, once; that of a tunnel is at the other end."""
    told = [address(3, "192.0.2.3"), address(3, "192.0.2.4"), address(3, "2001:db8::3")]
    (found,) = assemble([link(3, "eth0", UP)], told)
    assert found.networks == ("192.0.2.0/24", "2001:d00::/24")
    (tunnel,) = assemble([link(5, "tun0", UP)], [address(5, "10.8.0.2", other="10.9.0.1")])
    assert (tunnel.addresses, tunnel.networks) == (("10.8.0.2",), ("10.9.0.0/24",))
