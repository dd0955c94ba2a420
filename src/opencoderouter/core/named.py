"""Servers that the user names: ``--backend NAME=URL``. They may be on another machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from opencoderouter.core.basic import basic
from opencoderouter.core.slug import is_slug

_FORM = "must be NAME=http://[USER:PASSWORD@]HOST:PORT, without a path (https is not possible)"
_HOST = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]"
_URL = re.compile(
    rf"http://(?:(?P<user>[^:@/?#\s]+):(?P<password>[^:@/?#\s]+)@)?(?P<host>{_HOST})"
    r":(?P<port>[0-9]{1,5})/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Named:
    """A server by its address: a host name or a numeric address, without brackets.

    ``authorization`` is the ``Authorization`` field value that it wants: a secret.
    """

    name: str
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """Return its URL, without credentials and without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def shown(self) -> str:
        """Return what the user wrote as others may see it."""
        scheme, _, authority = self.origin.partition("//")
        return f"{self.name}={scheme}//{'***@' if self.authorization else ''}{authority}"

    def directory(self, path: str = "") -> str:
        """Return what the directory ``path`` there is is called here: no local name."""
        return f"{self.origin}{path}"


def parse_backend(text: str) -> Named:
    """Return the server that ``NAME=http://[USER:PASSWORD@]HOST:PORT`` means.

    What is no part of a URL as it stands is percent-encoded. Raises ValueError for anything else;
    its message is for the user, and quotes nothing: there may be a password in it.
    """
    name, _, url = text.partition("=")
    match = _URL.fullmatch(url)
    if match is None or not 0 < int(match["port"]) <= 65535:  # noqa: PLR2004 - ports
        raise ValueError(_FORM)
    if not is_slug(name):
        raise ValueError("NAME must be of a-z, 0-9 and single -, and no name of the router's own")
    host = match["host"].lower().strip("[]")
    return Named(name, host, int(match["port"]), _authorization(match["user"], match["password"]))


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None or password is None:
        return None
    try:
        credentials = (unquote(user, errors="strict"), unquote(password, errors="strict"))
    except UnicodeDecodeError:
        raise ValueError("USER and PASSWORD must be UTF-8, percent-encoded") from None
    if ":" in credentials[0]:
        raise ValueError("USER cannot have a colon")
    return basic(*credentials)


class Clash(ValueError):  # noqa: N818 - an expected end, not a broken promise
    """A server cannot have its name. The message is for the user."""


def is_local(directory: str) -> bool:
    """Tell a directory of this machine from one of a named server."""
    return directory.startswith("/")


def reserve(leases: Mapping[str, str], servers: Iterable[Named], *, limit: int) -> dict[str, str]:
    """Return the leases (directory to slug) with those of named servers: each has its name.

    ``limit`` is the longest slug allowed. Raises Clash when a name is too long or taken, or a
    server is there twice.
    """
    result = dict(leases)
    owners = {slug: directory for directory, slug in leases.items()}
    for server in servers:
        directory, owner = server.directory(), owners.get(server.name)
        if len(server.name) > limit:
            raise Clash(f"--backend {server.shown}: NAME can have {limit} characters at most")
        if owner is not None:
            raise Clash(
                f"--backend {server.shown}: {server.name} is the name of {owner}; choose another"
            )
        if directory in result:
            raise Clash(f"--backend {server.shown}: it is {result[directory]} already")
        result[directory] = server.name
        owners[server.name] = directory
    return result
