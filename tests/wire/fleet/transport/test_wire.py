"""What paramiko is told before it speaks."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from paramiko import Message
from paramiko.common import MSG_CHANNEL_OPEN_FAILURE

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.known_hosts import Known
from opencoderouter.fleet.transport.wire import Lacking, Wire, quiet, wires

ANY = Known("a")


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    """Give one end of a stream."""
    one, other = socket.socketpair()
    with one, other:
        yield one


def made(sock: socket.socket, known: Known = ANY, **options: str) -> Wire:
    """Make a transport with options of ssh."""
    values = {key: (value,) for key, value in options.items()}
    return wires(Resolved("a", "a", "me", 22, options=values), known, 3)(sock)


def test_algorithms(pair: socket.socket) -> None:
    """Those of the configuration that paramiko has, in the order of the configuration."""
    wire = made(
        pair,
        ciphers="chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr",
        macs="umac-64@openssh.com,hmac-sha2-512",
        kexalgorithms="sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp384",
        pubkeyacceptedalgorithms="ssh-ed25519,sk-ssh-ed25519@openssh.com",
    )
    assert wire.preferred_ciphers == ("aes256-ctr", "aes128-ctr")
    assert wire.preferred_macs == ("hmac-sha2-512",)
    assert wire.preferred_kex == ("ecdh-sha2-nistp384",)
    assert wire.preferred_pubkeys == ("ssh-ed25519",)


def test_nothing_in_common(pair: socket.socket) -> None:
    """Where paramiko has none of them, it does not take others instead."""
    with pytest.raises(Lacking, match="ciphers"):
        made(pair, ciphers="chacha20-poly1305@openssh.com")


@pytest.mark.parametrize(
    ("kind", "first"), [("ssh-rsa", "rsa-sha2-512"), ("ssh-ed25519", "ssh-ed25519")]
)
def test_known_keys_come_first(pair: socket.socket, kind: str, first: str) -> None:
    """A host with several keys is asked for one that is known."""
    order = "ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-512,rsa-sha2-256"
    wire = made(pair, Known("a", ((kind, "AAAA"),)), hostkeyalgorithms=order)
    assert wire.preferred_keys[0] == first
    assert set(order.split(",")) <= set(wire.preferred_keys)


def test_refusals_without_end(pair: socket.socket) -> None:
    """A host that refuses what nobody has asked for, in many words, fills no memory."""
    wire = made(pair)
    for code in (*range(50), 45):
        message = Message()
        for number in (7, code):
            message.add_int(number)
        for text in (f"{code} " + "no " * 9999, "en"):
            message.add_string(text)
        message.rewind()
        wire._handler_table[MSG_CHANNEL_OPEN_FAILURE](message)  # type: ignore[attr-defined]  # noqa: SLF001 - as paramiko does
    assert [*wire.refusals] == [42, 43, 44, 46, 47, 48, 49, 45]
    assert {len(one) for one in wire.refusals.values()} == {200}
    assert wire.refusals[45].startswith("45 no ")


def test_its_log_is_ours(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """What paramiko calls an error is a detail to us, and never on the terminal."""
    caplog.set_level(logging.DEBUG, "opencoderouter")
    quiet()
    logging.getLogger("paramiko.transport").error("Exception (client): \x1b[31mno")
    ours = (one for one in caplog.records if one.name.startswith("opencoderouter"))
    [record] = ours
    assert (record.levelno, record.name) == (logging.DEBUG, "opencoderouter.fleet.transport.wire")
    assert "\x1b" not in record.getMessage()
    assert capfd.readouterr() == ("", "")
