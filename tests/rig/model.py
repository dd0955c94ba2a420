"""A model that needs no network: an OpenAI-compatible server whose model ids are behaviours.

``echo`` answers with the prompt, ``slow`` with one word every quarter second for ten seconds,
``error400`` refuses, ``bash`` calls OpenCode's bash tool with the prompt as the command, ``task``
has a subagent do that, ``question`` asks which of two colours it is to be.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MODELS = ("echo", "slow", "error400", "bash", "task", "question")
_GAP, _WORDS = 0.25, 40


@contextmanager
def model_server() -> Iterator[str]:
    """Run the server; yield the base URL that OpenCode's provider wants."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="model", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the deltas of the answer to a chat-completion request, at their own pace."""
    text = _prompt(body["messages"])
    if not body.get("tools"):  # OpenCode asks for a session's title without tools
        yield {"content": "A title"}
    elif body["model"] in _CALLS and body["messages"][-1]["role"] != "tool":
        yield _call(body, text)
    elif body["model"] == "slow":
        for number in range(_WORDS):
            time.sleep(_GAP)
            yield {"content": f"word{number} "}
    else:
        yield {"content": f"You said: {text}"}


def _prompt(messages: list[dict[str, Any]]) -> str:
    content = next(m["content"] for m in reversed(messages) if m["role"] == "user")
    if isinstance(content, str):
        return content
    return str(next(part["text"] for part in content if part["type"] == "text"))


def _call(body: dict[str, Any], text: str) -> dict[str, Any]:
    """Return a call of the tool; a subagent, which has no subagents, runs the command itself."""
    offered = {tool["function"]["name"] for tool in body["tools"]}
    name = body["model"] if body["model"] in offered else "bash"
    function = {"name": name, "arguments": json.dumps(_CALLS[name](text))}
    return {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


def _question(text: str) -> dict[str, Any]:
    options = [{"label": color, "description": f"It is {color}"} for color in ("red", "blue")]
    return {"questions": [{"question": text, "header": "Colour", "options": options}]}


_CALLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bash": lambda text: {"command": text, "description": "Runs the command"},
    "task": lambda text: {"description": "Run it", "prompt": text, "subagent_type": "general"},
    "question": _question,
}


class _Model(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "error400":
            self._refuse()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            self._stream(body)
        except ConnectionError:
            self.close_connection = True  # the turn was aborted

    def _stream(self, body: dict[str, Any]) -> None:
        finish = "stop"
        for delta in answer(body):
            finish = "tool_calls" if "tool_calls" in delta else "stop"
            self._send(body["model"], {"index": 0, "delta": {"role": "assistant", **delta}})
        self._send(body["model"], {"index": 0, "delta": {}, "finish_reason": finish})
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, model: str, choice: dict[str, Any]) -> None:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": model,
            "choices": [choice],
        }
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def _refuse(self) -> None:
        data = json.dumps({"error": {"message": "the model refuses", "code": "400"}}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
