"""Who can reach the router, and a word when nothing keeps them out."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from opencoderouter.core import grant

log = logging.getLogger(__name__)


def warn_if_open(auth: str, addresses: Iterable[str]) -> None:
    """Log what it means when others can reach one of the addresses and need no password."""
    if auth == "off" and not all(map(is_loopback, addresses)):
        log.warning(
            "open to everybody auth=off meaning=%s hint=%s",
            "whoever can reach the port runs commands as you, on this machine",
            "leave out --auth off: then others need the password (`ocr-router password`)",
        )


def is_loopback(hostname: str) -> bool:
    """Tell whether only this machine can reach ``hostname``."""
    return hostname.lower() == "localhost" or grant.is_loopback(hostname.strip("[]"))
