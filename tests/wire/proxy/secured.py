"""HTTPS: certificates that are made for a test, and clients that speak it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.wire.proxy.lane.alone import Alone, alone
from tests.wire.proxy.through import LONG, Client
from tests.wire.proxy.upstream import OK, Script, Upstream, upstream

from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.listening import accepting, bind
from opencoderouter.proxy.tls import Tls, context


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate for 127.0.0.1, which signs itself, and its key."""

    cert: Path
    key: Path

    def trusted(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this certificate only. It would prefer HTTP/2."""
        result = ssl.create_default_context(cafile=self.cert)
        result.set_alpn_protocols(["h2", "http/1.1"])
        return result


def make_pair(directory: Path, name: str = "router", *, password: str = "") -> Pair:
    """Make a certificate and its key, encrypted where there is a ``password``."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    hidden = ["-passout", f"pass:{password}"] if password else ["-nodes"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *hidden]
    what = ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(pair.key), "-out", str(pair.cert)]
    command = ["openssl", "req", "-x509", *kind, *what, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return pair


@dataclass(frozen=True, slots=True)
class Secured:
    """A router that speaks HTTPS at ``port``, and the backend of its project."""

    router: Alone
    port: int
    pair: Pair
    backend: Upstream

    @asynccontextmanager
    async def client(self, trusted: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
        """Connect."""
        trusted = trusted or self.pair.trusted()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trusted)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def plain(self) -> AsyncIterator[Client]:
        """Connect, and do not greet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    async def serves(self, trusted: ssl.SSLContext | None = None) -> bool:
        """Tell whether a new client is answered."""
        try:
            async with self.client(trusted) as client:
                await client.send(self.head("/", "Connection: close"))
                return (await client.rest()).endswith(b"ok")
        except (ConnectionError, ssl.SSLError):
            return False

    async def left(self) -> None:
        """Return when the first connection to the backend has ended."""
        async with asyncio.timeout(LONG):
            await (await self.backend.conversation()).gone.wait()

    def head(self, target: str, *fields: str, method: str = "GET") -> bytes:
        """Return a request head for a target of the project."""
        return self.router.head("host", target, *fields, method=method)


@asynccontextmanager
async def secured(
    script: Script | bytes = OK, *, pair: Pair, limits: Limits | None = None
) -> AsyncIterator[Secured]:
    """Run a router, and a backend that acts like this."""
    limits = limits or Limits()
    async with (
        asyncio.TaskGroup() as group,
        upstream(script) as backend,
        alone(backend.port, limits=limits) as router,
    ):
        sockets = bind("127.0.0.1", 0)[0]
        port = sockets[0].getsockname()[1]
        tls = Tls(context(pair.cert, pair.key), limits, group)
        async with accepting(router.lane.protocol, sockets, tls):
            yield Secured(router, port, pair, backend)
