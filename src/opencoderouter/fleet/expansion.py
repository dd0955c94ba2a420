"""Values of ssh's configuration that ``ssh -G`` prints as they were written."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved


def expanded_path(text: str, resolved: Resolved) -> Path:
    """Return the file that an IdentityFile or CertificateFile means (TOKENS of ssh_config(5)).

    ``%C`` and ``%j`` are left as they are: such a file is then not found.
    """
    home = str(Path.home())
    host = socket.gethostname()
    more = {"d": home, "i": str(os.getuid()), "l": host, "L": host.split(".", maxsplit=1)[0]}
    more |= {"u": os.environ.get("USER", ""), "k": resolved.first("hostkeyalias", resolved.alias)}
    filled = re.sub(r"\$\{(\w+)\}", lambda one: os.environ.get(one[1], one[0]), text)
    return Path(_fill(filled, {**_tokens(resolved), **more})).expanduser()


def expanded_command(resolved: Resolved) -> str:
    """Return the ProxyCommand with its tokens filled in."""
    return _fill(resolved.proxy_command, _tokens(resolved))


def _tokens(resolved: Resolved) -> dict[str, str]:
    return {
        "%": "%",
        "h": resolved.hostname,
        "n": resolved.alias.rpartition("@")[2],
        "p": str(resolved.port),
        "r": resolved.user,
    }


def _fill(text: str, tokens: Mapping[str, str]) -> str:
    return re.sub("%(.)", lambda one: tokens.get(one[1], one[0]), text)
