"""The list of the checks of names and networks."""

from __future__ import annotations

from opencoderouter.doctor.network import CHECKS


def test_codes() -> None:
    """The codes are part of what users' scripts rely on: they do not change."""
    codes = [check.code for check in CHECKS]
    assert codes == ["names", "multicast", "mdns-stack", "resolver", "dns", "firewall", "ssh"]
