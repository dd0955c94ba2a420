"""What the owner and its workers tell each other, over a socket pair that only they hold.

Each message is a pickled value behind its length. A worker hears ``Start``, a table and a keyring,
then newer ones of these, then ``Close``; it says how its figures stand, the first time when it has
begun to accept.
"""

from __future__ import annotations

import asyncio
import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Auth, Keyring
from opencoderouter.core.table import Table
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.stats import Snapshot

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker needs to know, as plain values. Times are in seconds.

    Logs are moved away when they have ``log_size`` octets; ``audit`` is the file of the audit log,
    if there is one. ``tls`` are the files of the certificate and of its key, where clients are
    served by HTTPS.
    """

    names: Names
    limits: Limits
    grace: float
    probe_timeout: float
    log_format: str
    log_level: str
    access_log: str
    access_log_format: Literal["common", "json"]
    log_size: int
    auth: Auth
    audit: Path | None = None
    tls: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Accept no more, let requests end, then end."""


Message = Start | Table | Keyring | Close | Snapshot


def _reduce(
    proxy: MappingProxyType[Any, Any],
) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
    return _frozen, (dict(proxy),)


def _frozen(copy: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(copy)


def encode(message: Message) -> bytes:
    """Return the octets of a message."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {MappingProxyType: _reduce}
    pickler.dump(message)
    return _LENGTH.pack(buffer.tell()) + buffer.getbuffer()


async def read(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message; None when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        message: Message = pickle.loads(await reader.readexactly(length))  # noqa: S301 - from ourselves
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
