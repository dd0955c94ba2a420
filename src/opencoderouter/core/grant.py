"""Who somebody is to the router, and what they may do there."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

Via = Literal["peer", "password", "token", "off"]


class Caller(NamedTuple):
    """Who is at the other end of a connection, as the kernel tells.

    ``uid`` is the owner of the socket there, None where that is not known. ``free``: it is our own
    user's, on this machine, and no agent's.
    """

    address: str
    uid: int | None = None
    free: bool = False

    @property
    def origin(self) -> str:
        """Return what tells this caller from others: users of one machine share its addresses."""
        return self.address if self.uid is None else f"{self.address}#{self.uid}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody who was let in may do.

    ``via``: by being our own user on this machine (``peer``), by the password, by a token, or
    because nobody is kept out (``off``). ``name`` is ``owner`` or the token's, ``token`` its id,
    ``epoch`` that of the password. ``project`` is the slug of the only project they may use;
    ``expires`` is in POSIX seconds. ``session`` is the login session that carries it, if one does.
    """

    via: Via
    name: str = "owner"
    token: str = ""
    epoch: str = ""
    project: str | None = None
    read_only: bool = False
    expires: float | None = None
    session: str = ""

    @property
    def whole(self) -> bool:
        """Tell whether there is nothing that is kept from them."""
        return self.project is None and not self.read_only


PEER = Grant("peer")
EVERYBODY = Grant("off")


@dataclass(frozen=True, slots=True)
class Identified:
    """What the application is told of a request: where it came from, and who was let in."""

    origin: str
    grant: Grant | None = None


def to_json(who: Identified) -> str:
    """Return it as one line of ASCII."""
    return json.dumps({"origin": who.origin, "grant": asdict(who.grant) if who.grant else None})


def from_json(text: str) -> Identified:
    """Return what ``to_json`` was given. Raises ValueError for anything else."""
    try:
        said = json.loads(text)
        grant = said["grant"]
        return Identified(said["origin"], None if grant is None else Grant(**grant))
    except (KeyError, TypeError) as error:
        raise ValueError("not an identity") from error


def is_loopback(address: str) -> bool:
    """Tell whether an address is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
