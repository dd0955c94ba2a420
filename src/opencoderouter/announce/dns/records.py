"""Names and records as plain values, and what is heard by mDNS of a name that is not ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

Name = tuple[bytes, ...]  # labels, without the root

A: Final = 1
NS: Final = 2
SOA: Final = 6
PTR: Final = 12
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
OPT: Final = 41
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

LOCAL: Final[Name] = (b"local",)
NAME: Final = 255  # octets of a name, its lengths and its end included


@dataclass(frozen=True, slots=True)
class Service:
    """The data of SRV (RFC 2782)."""

    port: int
    target: Name
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Authority:
    """The data of SOA; times in seconds."""

    server: Name
    mailbox: Name
    serial: int
    refresh: int
    retry: int
    expire: int
    negative: int  # RFC 2308: how long "there is none" may be kept


Data = bytes | Name | Service | Authority


@dataclass(frozen=True, slots=True)
class Record:
    """One record of class IN.

    ``data`` is a ``Name`` for PTR, NS and CNAME, ``Service`` for SRV, ``Authority`` for SOA; for
    all else the octets of RDATA (A: 4, AAAA: 16, TXT: strings with their lengths).
    """

    name: Name
    type: int
    ttl: int
    data: Data


class Silence(Enum):
    """Why there is nothing to pass on."""

    NOBODY = "nobody"  # the network was asked, and nobody has the name: NXDOMAIN
    BUSY = "busy"  # it was not asked, or cannot be: SERVFAIL


# What the network says of a name: its records of the type that was asked for, with others that
# help (RFC 6763 section 12) behind them. None at all: the name is there, with other types only;
# who has answered for A and has no AAAA must not be told to be nobody, or clients lose the A.
Heard = tuple[Record, ...] | Silence

# Asks the network by mDNS for a name such as ``host.local`` (no dot at its end, in the case of
# the client) and a type, for a client by its numeric address. Nothing raises; it is cancelled
# after 3 s, and that is BUSY, too.
Ask = Callable[[str, int, str], Awaitable[Heard]]

# Tells whether a client, by its numeric address, is on this machine or in a network that is
# directly connected: only they are told what the network says.
Near = Callable[[str], bool]


def name(text: str) -> Name:
    """Return the labels of ``text``; a dot at its end may be left out."""
    return tuple(label.encode() for label in text.rstrip(".").split(".") if label)


def folded(labels: Name) -> Name:
    """Return the name as it is compared: ASCII letters in lower case (RFC 4343)."""
    return tuple([label.lower() for label in labels])


def text(labels: Name) -> str | None:
    """Return the labels with dots between them; None where they could not be told apart again."""
    if any(b"." in label for label in labels):
        return None
    try:
        return b".".join(labels).decode()
    except UnicodeDecodeError:
        return None


def fits(labels: Name) -> bool:
    """Tell whether it can be a name: labels of 1 to 63 octets, 255 in all."""
    whole = sum(len(label) + 1 for label in labels) + 1
    return whole <= NAME and all(0 < len(label) < 64 for label in labels)  # noqa: PLR2004 - RFC 1035
