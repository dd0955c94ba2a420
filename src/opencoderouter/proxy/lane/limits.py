"""How much one process takes of everything before it says no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in octets, times in seconds.

    ``connections``, ``per_address`` (of IPv6: per /64), ``unauthenticated`` (of one address: those
    on which nothing was admitted yet) and ``websockets`` (all connections that were upgraded) hold
    for all processes of a router together.
    """

    connections: int = 10_000
    per_address: int = 8_000
    unauthenticated: int = 64
    websockets: int = 2_000
    # OpenCode itself refuses a target, and a block of fields, above 16 KiB: it gets to say so.
    request_line: int = 32 * 1024
    header_size: int = 64 * 1024
    header_fields: int = 256
    header_timeout: float = 10.0
    keepalive_timeout: float = 75.0
