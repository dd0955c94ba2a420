"""Sessions and prompts, asked for as OpenCode's own clients ask. ``url`` ends with a slash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.rig import http
from tests.rig.http import Json


def open_session(url: str, *, host: str = "") -> str:
    """Return the id of a new session."""
    return str(http.post(f"{url}session", {}, host=host)["id"])


def prompt(url: str, session: str, text: str, *, model: str = "echo", host: str = "") -> None:
    """Prompt; the turn runs on."""
    http.post(f"{url}session/{session}/prompt_async", body(text, model), host=host)


def body(text: str, model: str = "echo") -> Json:
    """Return what a prompt looks like."""
    return {
        "parts": [{"type": "text", "text": text}],
        "model": {"providerID": "fake", "modelID": model},
    }


@contextmanager
def stream(url: str, *, host: str = "", timeout: float = 60) -> Iterator[Iterator[Json]]:
    """Yield the events of a project, from after ``server.connected``."""
    headers = {"Host": host} if host else {}
    with http.opened("GET", f"{url}event", headers=headers, timeout=timeout) as response:
        assert response.status == 200, response.read()
        feed = http.events(response)
        assert next(feed)["type"] == "server.connected"
        yield feed


def turn(url: str, text: str, *, model: str = "echo", host: str = "") -> list[Json]:
    """Run one prompt, subscribed before it; return its events, ``session.idle`` the last."""
    with stream(url, host=host) as feed:
        session = open_session(url, host=host)
        prompt(url, session, text, model=model, host=host)
        seen: list[Json] = []
        for event in feed:
            if event["properties"].get("sessionID") == session:
                seen.append(event)
                if event["type"] == "session.idle":
                    return seen
    raise AssertionError(seen)


def texts(events: list[Json]) -> list[str]:
    """Return the texts of the parts in these events."""
    parts = (event["properties"].get("part", {}) for event in events)
    return [part["text"] for part in parts if part.get("type") == "text"]
