"""Which address may be listened on while there is no login."""

from __future__ import annotations

import pytest

from opencoderouter.wiring.listen import NotAllowed, is_loopback, listen_address


@pytest.mark.parametrize(
    ("hostname", "auth", "given", "address"),
    [
        ("0.0.0.0", "auto", False, "127.0.0.1"),
        ("0.0.0.0", "off", False, "0.0.0.0"),
        ("0.0.0.0", "off", True, "0.0.0.0"),
        ("127.0.0.1", "auto", True, "127.0.0.1"),
        ("::1", "auto", True, "::1"),
        ("localhost", "auto", True, "localhost"),
        ("192.0.2.7", "off", True, "192.0.2.7"),
    ],
)
def test_the_address_that_is_bound(hostname: str, auth: str, given: bool, address: str) -> None:  # noqa: FBT001
    """The open default becomes this machine only; `--auth off` opens it."""
    assert listen_address(hostname, auth, given=given) == address


@pytest.mark.parametrize("hostname", ["0.0.0.0", "::", "192.0.2.7", "box.example", "2001:db8::1"])
def test_an_open_address_needs_to_be_asked_for(hostname: str) -> None:
    """An address that others can reach is refused, with both ways out."""
    with pytest.raises(NotAllowed, match=r"--auth off.*127\.0\.0\.1"):
        listen_address(hostname, "auto", given=True)


@pytest.mark.parametrize("hostname", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "LocalHost"])
def test_loopback(hostname: str) -> None:
    """Every spelling of this machine is known."""
    assert is_loopback(hostname)
