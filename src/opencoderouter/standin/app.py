"""The HTTP side of the stand-in: health, path, sessions, prompts, event streams, a terminal."""

from __future__ import annotations

import asyncio
import html
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from opencoderouter import __version__
from opencoderouter.core.basic import read_basic

Json = dict[str, Any]
VERSION = f"{__version__}-standin"
_SECURE_AREA = {"Vary": "Origin", "WWW-Authenticate": 'Basic realm="Secure Area"'}
_UNAUTHORIZED = {"_tag": "UnauthorizedError", "message": "Authentication required"}
# What a browser fetches without credentials.
_OPEN = frozenset(
    """/site.webmanifest /web-app-manifest-192x192.png /web-app-manifest-512x512.png""".split()
)
_HEARTBEAT = 10.0  # seconds, as OpenCode's
_STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform"}
_PAGE = """<!doctype html><title>{name}: stand-in</title>
<h1>{name}</h1><p>This is a stand-in, not OpenCode. It serves <code>{directory}</code>.</p>"""


def application(
    directory: str,
    *,
    clock: Callable[[], int],
    pause: float,
    credentials: tuple[str, str] | None = None,
) -> web.Application:
    """Return a server for ``directory``.

    ``clock`` tells milliseconds since the epoch; a turn is busy for ``pause`` seconds. With
    ``credentials``, user name and password, nobody is answered who does not show them.
    """
    app = web.Application(middlewares=[*([_lock(credentials)] if credentials else []), _not_found])
    app.add_routes(_Standin(directory, clock, pause).routes())
    return app


@web.middleware
async def _not_found(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeyError:  # no such session
        return web.json_response({"name": "NotFoundError"}, status=404)


def _lock(credentials: tuple[str, str]) -> Middleware:
    @web.middleware
    async def locked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_open(request) or _shown(request) == credentials:
            return await handler(request)
        if request.path.startswith("/api/"):
            return web.json_response(_UNAUTHORIZED, status=401, headers=_SECURE_AREA)
        return web.Response(status=401, headers=_SECURE_AREA)

    return locked


def _is_open(request: web.Request) -> bool:
    return request.method == "OPTIONS" or (request.method == "GET" and request.path in _OPEN)


def _shown(request: web.Request) -> tuple[str, str] | None:
    """Return the credentials of a request: a token in the query counts before the field."""
    token = request.query.get("auth_token")
    return read_basic(f"Basic {token}" if token else request.headers.get("Authorization", ""))


class _Standin:
    def __init__(self, directory: str, clock: Callable[[], int], pause: float) -> None:
        self._directory, self._clock, self._pause = directory, clock, pause
        self._sessions: dict[str, Json] = {}
        self._messages: dict[str, list[Json]] = {}
        self._turns: dict[str, int] = {}  # session: turns that are running
        self._streams: set[asyncio.Queue[Json]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the documented paths; every other one answers a page, as OpenCode's do."""
        get = {
            "/global/health": lambda _: {"healthy": True, "version": VERSION},
            "/path": lambda _: self._places(),
            "/project/current": lambda _: self._project(),
            "/session": lambda _: list(reversed(self._sessions.values())),
            "/session/status": lambda _: {name: {"type": "busy"} for name in self._turns},
            "/session/{id}": lambda request: self._sessions[request.match_info["id"]],
            "/session/{id}/message": lambda request: self._messages[request.match_info["id"]],
        }
        return [
            *(web.get(path, _answer(reply), allow_head=False) for path, reply in get.items()),
            web.get("/event", self.events, allow_head=False),
            web.get("/global/event", self.events, allow_head=False),
            web.post("/session", _answer(lambda _: self._open())),
            web.post("/session/{id}/prompt_async", self.prompt_async),
            web.post("/session/{id}/message", self.prompt),
            web.post("/global/dispose", _answer(lambda _: self._dispose())),
            web.post("/pty", _answer(lambda _: {"id": f"pty_{secrets.token_hex(8)}"})),
            web.get("/pty/{id}/connect", self.terminal, allow_head=False),
            web.route("*", "/{unknown:.*}", self.page),
        ]

    async def page(self, _: web.Request) -> web.Response:
        """Answer a page that says what this is."""
        directory = html.escape(self._directory)
        name = directory.rpartition("/")[2]
        text = _PAGE.format(name=name, directory=directory)
        return web.Response(text=text, content_type="text/html")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream what happens; ``/event`` ends with the instance, ``/global/event`` does not."""
        whole = request.path == "/global/event"
        response = web.StreamResponse(headers=_STREAM)
        await response.prepare(request)
        queue: asyncio.Queue[Json] = asyncio.Queue()
        queue.put_nowait(_event("server.connected", {}))
        self._streams.add(queue)
        try:
            kind = ""
            while whole or kind != "server.instance.disposed":
                event = await _next(queue)
                kind = event["type"]
                data = {"directory": self._directory, "payload": event} if whole else event
                await response.write(f"data: {json.dumps(data)}\n\n".encode())
        finally:
            self._streams.discard(queue)
        return response

    async def prompt_async(self, request: web.Request) -> web.Response:
        """Start a turn and return at once; the event stream tells its end."""
        _ = self._begin(request.match_info["id"], await request.json())
        return web.Response(status=204)

    async def prompt(self, request: web.Request) -> web.Response:
        """Run a turn; not a byte is sent before its end."""
        done = self._begin(request.match_info["id"], await request.json())
        return web.json_response(await asyncio.shield(done))

    async def terminal(self, request: web.Request) -> web.WebSocketResponse:
        """Echo what is typed, after the frame OpenCode's terminals begin with."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(b'\x00{"cursor":0}')
        async for message in socket:
            await socket.send_str(str(message.data))
        return socket

    def _places(self) -> Json:
        return {"worktree": self._worktree(), "directory": self._directory}

    def _project(self) -> Json:
        return {"id": "global", "worktree": self._worktree(), "time": {"created": self._clock()}}

    def _worktree(self) -> str:
        return self._directory if (Path(self._directory) / ".git").exists() else "/"

    def _open(self) -> Json:
        name, now = f"ses_{secrets.token_hex(12)}", self._clock()
        session = {"id": name, "title": "New session", "directory": self._directory}
        self._sessions[name] = {**session, "time": {"created": now, "updated": now}}
        self._messages[name] = []
        self._tell("session.created", sessionID=name, info=self._sessions[name])
        return self._sessions[name]

    def _dispose(self) -> bool:
        self._tell("server.instance.disposed", directory=self._directory)
        return True

    def _begin(self, session: str, body: Json) -> asyncio.Future[Json]:
        text = " ".join(part["text"] for part in body.get("parts", []) if "text" in part)
        self._say(session, "user", text)
        self._turns[session] = self._turns.get(session, 0) + 1
        self._tell("session.status", sessionID=session, status={"type": "busy"})
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Json] = loop.create_future()
        loop.call_later(self._pause, self._finish, session, text, done)
        return done

    def _finish(self, session: str, text: str, done: asyncio.Future[Json]) -> None:
        done.set_result(self._say(session, "assistant", text))
        self._turns[session] -= 1
        if not self._turns[session]:
            del self._turns[session]
            self._tell("session.status", sessionID=session, status={"type": "idle"})
            self._tell("session.idle", sessionID=session)

    def _say(self, session: str, role: str, text: str) -> Json:
        message = f"msg_{secrets.token_hex(12)}"
        info = {"id": message, "sessionID": session, "role": role}
        part = {"type": "text", "text": text, "sessionID": session, "messageID": message}
        self._messages[session].append({"info": info, "parts": [part]})
        self._tell("message.updated", sessionID=session, info=info)
        self._tell("message.part.updated", sessionID=session, part=part)
        return self._messages[session][-1]

    def _tell(self, kind: str, **properties: object) -> None:
        for queue in self._streams:
            queue.put_nowait(_event(kind, properties))


def _answer(reply: Callable[[web.Request], object]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(reply(request))

    return handler


def _event(kind: str, properties: Json) -> Json:
    return {"id": f"evt_{secrets.token_hex(12)}", "type": kind, "properties": properties}


async def _next(queue: asyncio.Queue[Json]) -> Json:
    try:
        async with asyncio.timeout(_HEARTBEAT):
            return await queue.get()
    except TimeoutError:
        return _event("server.heartbeat", {})
