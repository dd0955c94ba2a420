"""The ends of TCP sockets."""

from __future__ import annotations

import pytest

from opencoderouter.kernel.tcp import End, end


def test_end() -> None:
    """An IPv4 address is the same however it is written, and differs from every IPv6 address."""
    assert end("127.0.0.1", 80) == End(b"\x7f\0\0\1", 80) == end("::ffff:127.0.0.1", 80)
    assert end("::1", 80) == End(bytes(15) + b"\1", 80)
    assert end("0.0.0.0", 0) != end("::", 0)


@pytest.mark.parametrize(
    "address", ["", "localhost", "fe80::1%lo", "[::1]", "127.1", "1\0", "\xe9"]
)
def test_no_address(address: str) -> None:
    """What is not numeric is refused."""
    with pytest.raises((OSError, ValueError)):
        end(address, 80)


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port(port: int) -> None:
    """A port has 16 bits."""
    with pytest.raises(ValueError, match=str(port)):
        end("127.0.0.1", port)
