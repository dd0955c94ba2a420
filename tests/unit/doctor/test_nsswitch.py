"""The line ``hosts`` of nsswitch.conf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.doctor.nsswitch import parse_hosts


@pytest.mark.parametrize(
    ("line", "mdns", "waits"),
    [
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", ("mdns4_minimal",), False),
        ("hosts: files mdns_minimal [NOTFOUND=return] dns mdns", ("mdns_minimal", "mdns"), True),
        ("hosts:\tfiles mdns6", ("mdns6",), True),
        ("HOSTS: files dns # mdns", (), False),
        ("#hosts: mdns", (), False),
        ("networks: mdns", (), False),
        ("", (), False),
    ],
)
def test_mdns(line: str, mdns: tuple[str, ...], waits: bool) -> None:  # noqa: FBT001 - a column
    """The services of nss-mdns are found, and whether they ask for IPv6 addresses, too."""
    found = parse_hosts(f"passwd: files\n{line}\n")
    assert (found.mdns, found.waits) == (mdns, waits)


def test_services() -> None:
    """Each has the actions behind it; without a line there is what glibc has."""
    found = parse_hosts("hosts: files resolve [!UNAVAIL=return] dns")
    assert found.has("resolve")
    assert not found.has("mdns")
    assert str(found) == "files resolve [!unavail=return] dns"
    assert str(parse_hosts("")) == "dns files"


@given(st.text())
def test_any_text(text: str) -> None:
    """Nothing that stands in the file is raised."""
    assert parse_hosts(f"hosts: {text}").services is not None
