"""Real clients of OpenCode work against a path-mode URL of the router."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from opencode_ai import Opencode
from tests.rig import http
from tests.rig.fleet import Fleet
from tests.rig.http import Json
from tests.rig.opencode import Rig
from tests.rig.sessions import body, open_session
from tests.rig.tmux import Tmux, tmux
from tests.rig.wait import until

JS = Path(__file__).with_name("js")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
needs_sdk = pytest.mark.skipif(
    not (JS / "node_modules").exists() or not shutil.which("node"),
    reason="needs @opencode-ai/sdk: npm install in tests/e2e/js",
)


@needs_sdk
@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("generation", ["v1", "v2"])
@pytest.mark.parametrize(("model", "error"), [("echo", None), ("error400", "APIError")])
def test_sdk(fleet: Fleet, generation: str, slash: str, model: str, error: str | None) -> None:
    """Both generations of `@opencode-ai/sdk` prompt and follow events, to an end or an error."""
    url = fleet.url.rstrip("/") + slash
    command = ["node", "turn.mjs", generation, url, model, "hello sdk"]
    output = subprocess.run(command, check=True, cwd=JS, stdout=subprocess.PIPE, timeout=100).stdout
    assert json.loads(output) == {
        "directory": str(fleet.alpha),
        "texts": [] if error else ["You said: hello sdk"],
        "error": error,
    }


def test_python_client(fleet: Fleet) -> None:
    """The PyPI client `opencode-ai` opens a session, prompts, follows events and deletes it."""
    with Opencode(base_url=fleet.url, max_retries=0, timeout=60) as client:
        session = client.session.create(extra_body={}).id
        with client.event.list() as stream:
            path = f"/session/{session}/prompt_async"
            client.post(path, cast_to=object, body=body("hello python"))
            kinds = list(_until_idle(stream, session))
        assert "message.part.updated" in kinds
        assert session in [item.id for item in client.session.list()]
        assert client.session.delete(session) is True
    assert session not in [item["id"] for item in http.get(f"{fleet.url}session")]


def _until_idle(stream: Iterable[Json], session: str) -> Iterator[str]:
    for event in stream:
        told = event.to_dict()
        yield told["type"]
        if told["type"] == "session.idle" and told["properties"]["sessionID"] == session:
            return


@pytest.fixture
def terminal(rig: Rig, tmp_path: Path) -> Iterator[Tmux]:
    """Return a terminal of 100 by 30."""
    with tmux(tmp_path / "socket", rig.environment()) as terminal:
        yield terminal


@pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux")
def test_attach(fleet: Fleet, terminal: Tmux) -> None:
    """`opencode attach` shows a session, and what is typed there is answered."""
    session = open_session(fleet.url)
    terminal.run(f"opencode attach {fleet.url} --session {session}")

    def said() -> list[str]:
        messages = http.get(f"{fleet.url}session/{session}/message")
        return [part["text"] for m in messages for part in m["parts"] if part["type"] == "text"]

    terminal.wait_for("Build")
    terminal.type("hello attach")
    terminal.wait_for("hello attach")
    terminal.press("Enter")
    until(lambda: "You said: hello attach" in said(), what=terminal.screen)
    terminal.wait_for("You said: hello attach")
