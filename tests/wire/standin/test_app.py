"""The stand-in answers as OpenCode does, where the router looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from opencoderouter.core.basic import basic
from opencoderouter.standin.app import VERSION, application

Json = Any


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """Return a client of a stand-in for ``tmp_path``."""
    app = application(str(tmp_path), clock=lambda: 1_700_000_000_000, pause=0.05)
    async with TestClient(TestServer(app)) as client:
        yield client


async def get(client: TestClient[Any, Any], path: str) -> Json:
    """Return what a path answers."""
    async with client.get(path) as response:
        assert response.status == 200
        return await response.json()


async def post(client: TestClient[Any, Any], path: str, body: object = None) -> Json:
    """Return what a path answers to a body."""
    async with client.post(path, json=body) as response:
        assert response.status == 200
        return await response.json()


async def events(response: ClientResponse) -> AsyncIterator[Json]:
    """Yield the events of a stream."""
    async with asyncio.timeout(20):
        async for line in response.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def prompt(text: str) -> Json:
    """Return a prompt's body."""
    return {"parts": [{"type": "text", "text": text}]}


async def test_health_and_path(client: TestClient[Any, Any], tmp_path: Path) -> None:
    """What the router probes: health says healthy, the path is the working directory."""
    assert await get(client, "/global/health") == {"healthy": True, "version": VERSION}
    assert (await get(client, "/path"))["directory"] == str(tmp_path)


async def test_worktree_of_a_git_repository(client: TestClient[Any, Any], tmp_path: Path) -> None:
    """The worktree is / until the directory is a git repository."""
    assert (await get(client, "/project/current"))["worktree"] == "/"
    (tmp_path / ".git").mkdir()
    assert (await get(client, "/project/current"))["worktree"] == str(tmp_path)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("HEAD", "/path"), ("PUT", "/x/y")])
async def test_unknown_path(
    client: TestClient[Any, Any], tmp_path: Path, method: str, path: str
) -> None:
    """Any other path answers 200 with a page that says what this is, and for which project."""
    async with client.request(method, path) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        text = await response.text()
    assert method == "HEAD" or ("stand-in" in text and tmp_path.name in text)


async def test_prompt_async(client: TestClient[Any, Any]) -> None:
    """A turn is busy, then echoes the prompt, then is idle; the stream tells all of it."""
    session = (await post(client, "/session", {}))["id"]
    async with client.get("/event") as response:
        stream = events(response)
        assert (await anext(stream))["type"] == "server.connected"
        async with client.post(f"/session/{session}/prompt_async", json=prompt("hi")) as answer:
            assert answer.status == 204
        assert session in await get(client, "/session/status")
        seen: list[Json] = []
        while not seen or seen[-1]["type"] != "session.idle":
            seen.append(await anext(stream))
    assert [event["properties"]["sessionID"] for event in seen] == [session] * len(seen)
    texts = [event["properties"]["part"]["text"] for event in seen if "part" in event["properties"]]
    assert texts == ["hi", "hi"]
    assert await get(client, "/session/status") == {}


async def test_prompt(client: TestClient[Any, Any]) -> None:
    """A synchronous prompt answers with the message, which is kept in the session."""
    session = (await post(client, "/session"))["id"]
    message = await post(client, f"/session/{session}/message", prompt("hello"))
    assert (message["info"]["role"], message["parts"][0]["text"]) == ("assistant", "hello")
    assert (await get(client, f"/session/{session}/message"))[-1] == message
    assert [item["id"] for item in await get(client, "/session")] == [session]


async def test_busy_until_the_last_turn_ends(client: TestClient[Any, Any]) -> None:
    """Two turns in one session make it idle once, at the end of both."""
    session = (await post(client, "/session"))["id"]
    async with client.get("/global/event") as response:
        stream = events(response)
        await anext(stream)
        for text in "ab":
            async with client.post(f"/session/{session}/prompt_async", json=prompt(text)):
                pass
        kinds: list[str] = []
        while not kinds or kinds[-1] != "session.idle":
            kinds.append((await anext(stream))["payload"]["type"])
    assert kinds.count("message.updated") == 4


async def test_unknown_session(client: TestClient[Any, Any]) -> None:
    """A session that is not there is 404, whatever is asked of it."""
    async with client.get("/session/ses_none") as response:
        assert response.status == 404
    async with client.post("/session/ses_none/message", json=prompt("x")) as response:
        assert response.status == 404


async def test_dispose(client: TestClient[Any, Any], tmp_path: Path) -> None:
    """The project's stream ends with its instance, the global one tells it and goes on."""
    async with client.get("/event") as one, client.get("/global/event") as whole:
        stream = events(whole)
        await anext(stream)
        assert await post(client, "/global/dispose") is True
        kinds = [event["type"] async for event in events(one)]
        assert kinds == ["server.connected", "server.instance.disposed"]
        told = await anext(stream)
        assert told["directory"] == str(tmp_path)
        await post(client, "/session")
        assert (await anext(stream))["payload"]["type"] == "session.created"


async def test_terminal(client: TestClient[Any, Any]) -> None:
    """A terminal's socket begins with OpenCode's cursor frame and echoes what is typed."""
    name = (await post(client, "/pty", {"command": "/bin/sh"}))["id"]
    async with client.ws_connect(f"/pty/{name}/connect?cursor=0") as socket:
        assert (await socket.receive()).data == b'\x00{"cursor":0}'
        await socket.send_str("ls\n")
        answer = await socket.receive()
    assert (answer.type, answer.data) == (WSMsgType.TEXT, "ls\n")


SECRET = basic("opencode", "secret")
TOKEN = SECRET.removeprefix("Basic ")


@pytest.mark.parametrize(
    ("method", "path", "field", "status"),
    [
        ("GET", "/global/health", "", 401),
        ("GET", "/", "", 401),
        ("GET", "/event", "", 401),
        ("POST", "/session", "", 401),
        ("GET", "/global/health", SECRET, 200),
        ("GET", "/global/health", basic("alice", "secret"), 401),
        ("GET", "/global/health", basic("opencode", "no"), 401),
        ("GET", "/global/health", "Bearer secret", 401),
        ("GET", f"/global/health?auth_token={TOKEN}", "", 200),
        ("GET", f"/global/health?auth_token={TOKEN}", basic("opencode", "no"), 200),
        ("GET", "/global/health?auth_token=bm86", SECRET, 401),
        ("OPTIONS", "/session", "", 200),
        ("GET", "/site.webmanifest", "", 200),
        ("GET", "/web-app-manifest-192x192.png", "", 200),
        ("GET", "/web-app-manifest-512x512.png", "", 200),
        ("POST", "/site.webmanifest", "", 401),
    ],
)
async def test_password(tmp_path: Path, method: str, path: str, field: str, status: int) -> None:
    """It is wanted everywhere but where OpenCode does not, by Basic or a token that counts more."""
    app = application(str(tmp_path), clock=lambda: 0, pause=0, credentials=("opencode", "secret"))
    async with TestClient(TestServer(app)) as client:
        headers = {"Authorization": field} if field else {}
        async with client.request(method, path, headers=headers) as response:
            assert response.status == status
            if status == 401:
                assert response.headers["WWW-Authenticate"] == 'Basic realm="Secure Area"'
                assert response.headers["Vary"] == "Origin"
                assert await response.read() == b""
        async with client.get("/api/session") as response:
            assert (await response.json())["_tag"] == "UnauthorizedError"
