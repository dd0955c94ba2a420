"""A stand-in for OpenCode that writes down what it receives, and can be made to misbehave.

``opencode serve --hostname H --port N`` in a project's directory, where it appends each request to
``received.jsonl``, also one that it refuses.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from opencoderouter.standin.app import application

ROOT = Path(__file__).parents[2]
RECEIVED = "received.jsonl"
RUN, EVIL = "/rig/run", "/rig/evil"
_SCRIPT = """\
#!{python}
import runpy, sys
sys.argv[0] = "opencode"
sys.path[:0] = {path!r}
runpy.run_module("tests.rig.recorder", run_name="__main__", alter_sys=False)
"""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as a backend got it; field names in lower case."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of a name."""
        return [value for key, value in self.fields if key == name]


def program(folder: Path) -> Path:
    """Write it into a folder, to be put first into PATH; return the folder."""
    folder.mkdir(exist_ok=True)
    written = folder / "opencode"
    written.write_text(_SCRIPT.format(python=sys.executable, path=[*sys.path, str(ROOT)]))
    written.chmod(0o755)
    return folder


def received(directory: Path) -> list[Received]:
    """Return what the server of a directory has received so far."""
    path = directory / RECEIVED
    lines = path.read_text().splitlines() if path.exists() else []
    found = map(json.loads, lines)
    return [Received(one, two, tuple((k, v) for k, v in three)) for one, two, three in found]


@web.middleware
async def _record(request: web.Request, handler: Handler) -> web.StreamResponse:
    fields = [(name.lower(), value) for name, value in request.headers.items()]
    line = json.dumps([request.method, request.raw_path, fields])
    fd = os.open(RECEIVED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{line}\n".encode())
    os.close(fd)
    return await handler(request)


@web.middleware
async def _tricks(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path == RUN:
        return web.Response(text=await _run(await request.json()))
    if request.path == EVIL:
        return _evil(request.query["port"])
    return await handler(request)


async def _run(script: str) -> str:
    """Run a Python script as a tool of the agent's, with its environment; return what it says."""
    tool = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", script), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await tool.communicate()
    return said.decode()


def _evil(port: str) -> web.Response:
    """Answer what takes over the page's origin, or the router's session, if it is let."""
    script = "<script>fetch('/api/backends')</script>"
    response = web.Response(text=script, content_type="text/html")
    cookies = (
        f"ocr-session-{port}=forged; Path=/",
        f"__Host-ocr-session-{port}=forged; Path=/; Secure",
        "=ocr-session-nameless",
        "wide=1; Domain=localhost",
        "fine=1; Path=/",
    )
    for value in cookies:
        response.headers.add("Set-Cookie", value)
    response.headers["Service-Worker-Allowed"] = "/"
    response.headers["Clear-Site-Data"] = '"*"'
    return response


def main() -> None:
    """Serve the working directory until a signal ends the process."""
    hostname, port = sys.argv[sys.argv.index("--hostname") + 1], sys.argv[-1]
    password = os.environ.get("OPENCODE_SERVER_PASSWORD")
    app = application(
        str(Path.cwd()),
        clock=lambda: time.time_ns() // 1_000_000,
        pause=0.5,
        credentials=("opencode", password) if password else None,
    )
    app.middlewares.insert(0, _record)
    app.middlewares.append(_tricks)
    announced = f"opencode server listening on http://{hostname}:{port}"
    web.run_app(
        app,
        host=hostname,
        port=int(port),
        access_log=None,
        print=lambda _: print(announced, flush=True),  # noqa: T201 - what launchers wait for
    )


if __name__ == "__main__":
    main()
