"""Questions to the OpenCode servers and routers of a host, over its link.

A connection through the host's sshd is the way. Where sshd forwards nothing, ``curl`` on the host
asks: one command more for each question, with all of it on standard input, since a command line
can be read by everybody there.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass

from opencoderouter.core.fleet import wire
from opencoderouter.core.fleet.model import Endpoint, Unreached
from opencoderouter.core.fleet.transport import Link, NotForwarded, Stream
from opencoderouter.core.fleet.wire import Answer, Request
from opencoderouter.fleet.script import COMMAND

_MOST = 16 << 20  # octets; the largest are the last messages of a session
_PIECE = 1 << 16
_NO_CURL = (b"126", b"127")


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came that is an answer. ``prohibited``: the host forwards no connection at all."""

    reason: str
    prohibited: bool = False


async def request(
    link: Link,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: object = None,
    *,
    within: float,
) -> Answer | NoAnswer:
    """Ask once, on a connection of its own, within so many seconds. Nothing is asked again.

    ``path`` is percent-encoded, with its query. Raises ValueError when it cannot be one.
    """
    asked = Request(endpoint, method, path, body)
    data = asked.encode()
    try:
        async with asyncio.timeout(within):
            stream = await link.connect(endpoint.port, address=endpoint.address, within=within)
            if isinstance(stream, NotForwarded):
                if not stream.prohibited:
                    return NoAnswer(stream.reason)
                return await _by_curl(link, stream, _options(asked, within), within)
            if isinstance(stream, Unreached):
                return NoAnswer(stream.reason)
            return _read(await _exchange(stream, data))
    except TimeoutError:
        return NoAnswer(f"no answer within {within:g} s")
    except OSError as error:
        return NoAnswer(f"the connection was lost: {error}")


async def _exchange(stream: Stream, data: bytes) -> bytes:
    """Send, and return what comes until the answer is whole, or the connection ends."""
    try:
        await stream.send(data)
        answer = bytearray()
        while len(answer) <= _MOST and not wire.is_whole(answer):
            piece = await stream.receive(_PIECE)
            if not piece:
                break
            answer += piece
        return bytes(answer)
    finally:
        await stream.close()


def _read(data: bytes) -> Answer | NoAnswer:
    if len(data) > _MOST:
        return NoAnswer(f"the answer has more than {_MOST} octets")
    if not data:
        return NoAnswer("the connection was closed without an answer")
    return wire.decode(data) or NoAnswer("the answer is not a whole HTTP message")


async def _by_curl(link: Link, why: NotForwarded, options: str, within: float) -> Answer | NoAnswer:
    """Ask by curl on the host, in a frame that keeps a login's words apart."""
    mark = secrets.token_hex(16)
    script = (
        f"printf '\\n%s\\n' {mark}\ncurl -q -K - <<'{mark}'\n{options}\n{mark}\n"
        f"printf '\\n%s %s\\n' {mark} \"$?\"\nexit 0\n"
    )
    done = await link.run(COMMAND, stdin=script.encode(), within=within)
    if isinstance(done, Unreached):
        return NoAnswer(done.reason)
    _, _, rest = done.stdout.partition(f"{mark}\n".encode())
    answer, _, end = rest.partition(f"\n{mark} ".encode())
    code = end.partition(b"\n")[0][:3]
    if code in _NO_CURL:
        return NoAnswer(f"{why.reason}, and there is no curl on the host", prohibited=True)
    if code != b"0":
        return NoAnswer(f"curl on the host: exit code {code.decode('ascii', 'replace')}")
    return _read(answer)


def _options(request: Request, within: float) -> str:
    """Return a request as lines of curl's configuration, the answer as it is on the wire."""
    endpoint, body = request.endpoint, request.body
    lines = [
        "silent\ninclude\nraw\ngloboff\npath-as-is\nhttp1.1\nnoproxy = *",
        f"max-time = {within:.3f}\nmax-filesize = {_MOST}",
        f"request = {_quoted(request.method)}",
        f"url = {_quoted(f'http://{wire.authority(endpoint)}{request.target}')}",
    ]
    lines += [f"header = {_quoted(field)}" for field in request.fields]
    if body is not None:
        lines.append(f"data-raw = {_quoted(json.dumps(body))}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
