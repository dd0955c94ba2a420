"""The password of a server that is about to start."""

from __future__ import annotations

import secrets

from opencoderouter.kernel.sockets import Listeners

_BYTES = 24  # of chance: 192 bits


def new_password(listeners: Listeners | None) -> str | None:
    """Return a password that never was before, or None.

    A server's password is in its environment and nowhere else. It is found again by way of its
    socket's process: where the kernel does not tell of those (macOS), a server gets no password.
    """
    return secrets.token_hex(_BYTES) if listeners is not None else None
