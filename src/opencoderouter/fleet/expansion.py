"""Values of ssh's configuration that ``ssh -G`` prints as they were written."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.ssh_config import home


def expanded_path(text: str, resolved: Resolved) -> Path:
    """Return the file that an IdentityFile or CertificateFile means (TOKENS of ssh_config(5)).

    User and home are those of the user database, whatever the environment says: ssh's way. ``%C``
    and ``%j`` are left as they are: such a file is then not found.
    """
    own, machine = str(home()), socket.gethostname()
    more = {"d": own, "i": str(os.getuid()), "l": machine, "L": machine.split(".", maxsplit=1)[0]}
    more |= {"u": _user(), "k": resolved.first("hostkeyalias") or _host(resolved.alias)}
    filled = re.sub(r"\$\{(\w+)\}", lambda one: os.environ.get(one[1], one[0]), text)
    if filled == "~" or filled.startswith("~/"):
        filled = own + filled[1:]
    return Path(_fill(filled, {**_tokens(resolved), **more})).expanduser()


def expanded_command(resolved: Resolved) -> str:
    """Return the ProxyCommand with its tokens filled in."""
    return _fill(resolved.proxy_command, _tokens(resolved))


def _tokens(resolved: Resolved) -> dict[str, str]:
    return {
        "%": "%",
        "h": resolved.hostname,
        "n": _host(resolved.alias),
        "p": str(resolved.port),
        "r": resolved.user,
    }


def _host(alias: str) -> str:
    """Return the host of what is asked for: ``user@host`` and ``ssh://user@host:port`` will do."""
    host = alias.removeprefix("ssh://").rpartition("@")[2]
    if alias.startswith("ssh://"):
        host = re.sub(r":\d+$", "", host).strip("[]")
    return host


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # ssh itself refuses to run for such a user
        return ""


def _fill(text: str, tokens: Mapping[str, str]) -> str:
    return re.sub("%(.)", lambda one: tokens.get(one[1], one[0]), text)
