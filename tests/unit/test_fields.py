"""Sizes and how they are written. What settings refuse is in test_settings.py."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from opencoderouter.fields import Addresses, Size, format_size, listening


@pytest.mark.parametrize(
    ("text", "octets"), [("1MB", 10**6), ("50mb", 50 * 10**6), ("2GB", 2 * 10**9), (7, 7)]
)
def test_sizes(text: str | int, octets: int) -> None:
    """Mega and giga are decimal, as disks have them; a number is octets."""
    assert TypeAdapter(Size).validate_python(text) == octets


@pytest.mark.parametrize("text", ["", "5", "5KB", "MB", "1.5GB", "-1MB", "1MB2"])
def test_what_is_no_size(text: str) -> None:
    """Without a unit nobody knows what was meant."""
    with pytest.raises(ValidationError):
        TypeAdapter(Size).validate_python(text)


def test_a_size_is_shown_as_it_is_written() -> None:
    """What ``config`` prints can be written into the file."""
    assert format_size(50 * 10**6) == "50MB"
    assert TypeAdapter(Size).validate_python(format_size(2 * 10**9)) == 2 * 10**9


def test_zones_of_addresses() -> None:
    """A zone is an interface: such places are written into files of others."""
    assert listening("[fe80::1%eth0.5]:53") == ("fe80::1%eth0.5", 53)
    for zone in ("", "x\nDNS=192.0.2.6", 'x"', "x y", "\x1b[2J"):
        with pytest.raises(ValueError, match="fe80"):
            listening(f"[fe80::1%{zone}]:53")
        with pytest.raises(ValidationError):
            TypeAdapter(Addresses).validate_python([f"fe80::1%{zone}"])
