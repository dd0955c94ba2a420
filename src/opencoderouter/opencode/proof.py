"""Connections that lead to the listener that is meant, or are closed before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from opencoderouter.core.model import Listener

# Tells whether it is still this very socket that gets the connections to its address.
Proof = Callable[[Listener], bool]

_meant: ContextVar[Listener] = ContextVar("meant")


class ProvingConnector(aiohttp.TCPConnector):
    """Makes a fresh connection for each question, and asks ``proof`` where it leads.

    It is asked once the connection is made: a socket that listened when it was found and listens
    now got the connections in between. A listener without an inode cannot be asked about.
    """

    def __init__(self, proof: Proof | None) -> None:
        super().__init__(force_close=True, limit=0, use_dns_cache=False)
        self._proof = proof

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        """Return a connection on which nothing was sent. Raises aiohttp.ClientError."""
        connection = await super().connect(req, traces, timeout)
        listener = _meant.get()
        if self._proof and listener.inode is not None and not self._proof(listener):
            connection.close()
            raise aiohttp.ClientConnectionError(f"{listener.authority} has another owner")
        return connection


@contextmanager
def meaning(listener: Listener) -> Iterator[None]:
    """Within the block, connections are meant for this listener (aiohttp knows only its name)."""
    token = _meant.set(listener)
    try:
        yield
    finally:
        _meant.reset(token)
