"""The client that asks OpenCode servers, with what this user's environment knows of them."""

from __future__ import annotations

import os

from opencoderouter.kernel.peers import peers
from opencoderouter.opencode.client import Client


def opencode_client(timeout: float) -> Client:
    """Return a client that knows ``OPENCODE_SERVER_PASSWORD`` and ``OPENCODE_SERVER_USERNAME``.

    ``timeout`` is in seconds, for one answer. Servers started from here do not inherit these: they
    have a password of their own. A port that has changed hands is told nothing.
    """
    password = os.environ.get("OPENCODE_SERVER_PASSWORD") or None
    username = os.environ.get("OPENCODE_SERVER_USERNAME") or "opencode"
    kernel = peers()
    proof = kernel.holds if kernel else None
    return Client(timeout=timeout, password=password, username=username, proof=proof)
