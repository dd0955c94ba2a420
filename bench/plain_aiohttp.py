"""What aiohttp makes of a proxy by itself: its server and its client.

plain_aiohttp.py LISTEN-PORT HOST BACKEND-PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"})


class Proxy:
    """Leads one host name to one backend."""

    def __init__(self, name: str, backend: int) -> None:
        self._name, self._base = name, f"http://127.0.0.1:{backend}"
        self._session: aiohttp.ClientSession

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the client session while the server runs."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as self._session:
            yield

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forward one request."""
        if request.host.partition(":")[0] != self._name:
            return web.Response(status=404)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP]
        headers.append(("X-Forwarded-For", request.remote or ""))
        body = request.content if request.body_exists else None
        async with self._session.request(
            request.method,
            self._base + request.path_qs,
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as upstream:
            kept = [(k, v) for k, v in upstream.headers.items() if k.lower() not in _HOP]
            response = web.StreamResponse(status=upstream.status)
            response.headers.extend(kept)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        near = web.WebSocketResponse()
        await near.prepare(request)
        far_side = self._session.ws_connect(self._base + request.path_qs)
        async with far_side as far, asyncio.TaskGroup() as group:
            up = group.create_task(_copy(near, far))
            down = group.create_task(_copy(far, near))
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            down.cancel()
        return near


Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _copy(source: Socket, target: Socket) -> None:
    async for message in source:
        await target.send_bytes(message.data)


def main() -> None:
    """Serve until a signal ends it."""
    port, name, backend = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    proxy = Proxy(name, backend)
    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(proxy.run)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    main()
