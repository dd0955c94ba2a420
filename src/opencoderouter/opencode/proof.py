"""Connections that lead to the listener that is meant, or are closed before anything is sent."""

from __future__ import annotations

import ssl
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

# Returns why nothing may be said on a connection to a numeric address and port; None: it may.
# Without an address it is closed already.
Denial = Callable[[tuple[str, int] | None], str | None]

_meant: ContextVar[Listener] = ContextVar("meant")


class ProvingConnector(aiohttp.TCPConnector):
    """Makes a fresh connection for each question, and asks ``denial`` where it leads."""

    def __init__(self, denial: Denial | None, context: ssl.SSLContext | None = None) -> None:
        super().__init__(ssl=context or True, force_close=True, limit=0, use_dns_cache=False)
        self._denial = denial

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        """Return a connection on which nothing was sent. Raises aiohttp.ClientError."""
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        peer = transport.get_extra_info("peername") if transport else None
        if self._denial and (denied := self._denial(peer[:2] if peer else None)):
            connection.close()
            raise aiohttp.ClientConnectionError(denied)
        return connection


def denying(proof: Proof) -> Denial:
    """Return what denies connections that do not lead to the listener that is meant.

    It is asked once the connection is made: a socket that listened when it was found and listens
    now got the connections in between. A listener without an inode cannot be asked about.
    """

    def denial(_peer: object) -> str | None:
        listener = _meant.get()
        if listener.inode is None or proof(listener):
            return None
        return f"{listener.authority} has another owner"

    return denial


@contextmanager
def meaning(listener: Listener) -> Iterator[None]:
    """Within the block, connections are meant for this listener (aiohttp knows only its name)."""
    token = _meant.set(listener)
    try:
        yield
    finally:
        _meant.reset(token)
