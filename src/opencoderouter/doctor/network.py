"""The checks of names and networks, in the order of the report."""

from __future__ import annotations

from opencoderouter.doctor import (
    net_dns,
    net_firewall,
    net_multicast,
    net_names,
    net_resolver,
    net_ssh,
    net_stack,
)

CHECKS = (
    *net_names.CHECKS,
    *net_multicast.CHECKS,
    *net_stack.CHECKS,
    *net_resolver.CHECKS,
    *net_dns.CHECKS,
    *net_firewall.CHECKS,
    *net_ssh.CHECKS,
)
