"""Bodies, event streams, terminals and prompts pass through both modes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp
import pytest
from tests.rig import http
from tests.rig.fleet import Fleet
from tests.rig.sessions import body, open_session, stream, texts, turn

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach a project: a URL with a slash at its end, and the Host to ask for."""

    url: str
    host: str


@pytest.fixture(params=["path", "host"])
def way(request: pytest.FixtureRequest, fleet: Fleet) -> Way:
    """Return the two ways to the project ``alpha``."""
    if request.param == "path":
        return Way(fleet.url, f"localhost:{fleet.router.port}")
    return Way(f"{fleet.router.url}/", fleet.host)


def test_reaches_the_project(way: Way, fleet: Fleet) -> None:
    """Both ways lead to the server of the project's directory."""
    assert http.get(f"{way.url}path", host=way.host)["directory"] == str(fleet.alpha)


def test_backends_own_api(way: Way) -> None:
    """OpenCode's own /api paths are the project's, on its host and under its prefix."""
    answer = http.get(f"{way.url}api/session?limit=1", host=way.host)
    assert "healthy" not in answer


def test_request_with_a_body(way: Way) -> None:
    """A body of a megabyte arrives whole, and can be read back."""
    session = open_session(way.url, host=way.host)
    text = "router " * 150_000
    message = {**body(text), "noReply": True}
    http.post(f"{way.url}session/{session}/message", message, host=way.host)
    kept = http.get(f"{way.url}session/{session}/message", host=way.host)
    assert kept[0]["parts"][0]["text"] == text


def test_events_as_they_happen(way: Way) -> None:
    """An event arrives while the stream is open, not when it ends."""
    with stream(way.url, host=way.host) as feed:
        session = open_session(way.url, host=way.host)
        created = next(event for event in feed if event["type"] == "session.created")
    assert created["properties"]["sessionID"] == session


async def test_terminal(way: Way) -> None:
    """A terminal's WebSocket carries what is typed and what the shell answers."""
    headers = {"Host": way.host}
    async with aiohttp.ClientSession(headers=headers) as client, asyncio.timeout(60):
        async with client.post(f"{way.url}pty", json={"command": "/bin/sh"}) as response:
            terminal = (await response.json())["id"]
        async with client.ws_connect(f"{way.url}pty/{terminal}/connect?cursor=0") as socket:
            await socket.send_str("echo $((6 * 7))\n")
            frames: list[str | bytes] = []
            while "42" not in "".join(frame for frame in frames if isinstance(frame, str)):
                frames.append((await socket.receive()).data)
        assert [frame[:2] for frame in frames if isinstance(frame, bytes)] == [b"\x00{"]
        async with client.delete(f"{way.url}pty/{terminal}") as response:
            assert response.status == 200


def test_prompt_to_idle(way: Way) -> None:
    """A prompt is answered by the model and ends with session.idle, without an error."""
    events = turn(way.url, "good morning", host=way.host)
    assert "You said: good morning" in texts(events)
    assert not [event for event in events if event["type"] == "session.error"]


def test_prompt_to_error(way: Way) -> None:
    """A model that refuses is told as session.error, before session.idle."""
    events = turn(way.url, "good night", model="error400", host=way.host)
    [error] = [event for event in events if event["type"] == "session.error"]
    assert error["properties"]["error"]["data"]["statusCode"] == 400


def test_silent_until_the_turn_ends(way: Way) -> None:
    """A synchronous prompt, silent for ten seconds, is answered: nothing times out."""
    session = open_session(way.url, host=way.host)
    message = http.post(f"{way.url}session/{session}/message", body("x", "slow"), host=way.host)
    assert "word39" in "".join(part.get("text", "") for part in message["parts"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_events_for_long(way: Way) -> None:
    """An event stream is open for 150 seconds, heartbeats and all, and still tells the news."""
    with stream(way.url, host=way.host) as feed:
        end = time.monotonic() + 150
        beats = 0
        while time.monotonic() < end:
            beats += next(feed)["type"] == "server.heartbeat"
        session = open_session(way.url, host=way.host)
        created = next(event for event in feed if event["type"] == "session.created")
    assert beats >= 14
    assert created["properties"]["sessionID"] == session
