"""Which address the router may listen on."""

from __future__ import annotations

import ipaddress


class NotAllowed(ValueError):  # noqa: N818 - an expected end, not a broken promise
    """The address would let in people that nothing keeps out. The message is for the user."""


def listen_address(hostname: str, auth: str, *, given: bool) -> str:
    """Return the address to bind.

    Until there is a login, an address that others can reach needs ``auth`` ``off``: asked for
    (``given``) without it, it is refused; as the mere default it becomes this machine only.
    """
    if auth == "off" or is_loopback(hostname):
        return hostname
    if not given:
        return "127.0.0.1"
    raise NotAllowed(
        f"--hostname {hostname}: others could reach it, and this release has no login yet; "
        "add `--auth off` to let everybody in, or use 127.0.0.1"
    )


def is_loopback(hostname: str) -> bool:
    """Tell whether only this machine can reach ``hostname``."""
    if hostname.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname.strip("[]")).is_loopback
    except ValueError:
        return False
