"""Questions over real connections, and by the host's curl where none are forwarded."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.fakes_link import UNREACHED, FakeLink, ok
from tests.rig.shell import Shell

from opencoderouter.core.fleet.model import Endpoint
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.core.fleet.wire import Answer
from opencoderouter.fleet.http import NoAnswer, request

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")


@dataclass(slots=True)
class Server:
    """Answers every request with the same octets; ``heard`` are the requests."""

    answer: bytes
    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one."""
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")]
        size = int(lengths[0].partition(b":")[2]) if lengths else 0
        self.heard.append(head + await reader.readexactly(size))
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    """Run a server on loopback."""
    server = Server(answer)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as running:
        server.port = running.sockets[0].getsockname()[1]
        yield server


def shell(*, forwards: bool) -> Shell:
    """Return a link to this machine."""
    return Shell(dict(os.environ), forwards=forwards, before=b"motd\n", after=b"bye\n")


WAYS = [True, pytest.param(False, marks=needs_curl)]
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'8\r\n{"a":"b"\r\n1\r\n}\r\n0\r\n\r\n'
)


@pytest.mark.parametrize("forwards", WAYS)
async def test_both_ways(*, forwards: bool) -> None:
    """A question goes as it is, secrets and all, and its answer is read, either way."""
    body = {"text": 'a "quoted" \\ line\n\u00e5 @file', "n": 1}
    async with serving(CHUNKED) as server:
        end = Endpoint(server.port, authorization="Basic eDp5")
        path = "/session?directory=%2Fa%20b&x=[1]{2}"
        answer = await request(shell(forwards=forwards), end, "POST", path, body, within=10)
        await request(shell(forwards=forwards), Endpoint(server.port), "GET", "/", within=10)
    assert answer == Answer(200, {"a": "b"})
    first, second = (heard.decode().split("\r\n") for heard in server.heard)
    assert first[0] == f"POST {path} HTTP/1.1"
    assert "Authorization: Basic eDp5" in first
    assert "Content-Type: application/json" in first
    assert first[-1] == '{"text": "a \\"quoted\\" \\\\ line\\n\\u00e5 @file", "n": 1}'
    assert second[0] == "GET / HTTP/1.1"
    assert not [line for line in second if line.startswith("Authorization")]


@needs_curl
async def test_secrets_stay_off_command_lines() -> None:
    """What curl gets does not stand on a command line, which everybody on the host can read."""
    link = shell(forwards=False)
    async with serving(ok({})) as server:
        end = Endpoint(server.port, authorization="Basic c2VjcmV0")
        assert await request(link, end, "GET", "/", within=10) == Answer(200, {})
    assert "".join(link.commands) == "exec /bin/sh -s"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-x\r\n", "the answer is not a whole HTTP message"),
        (ok({"a": 1})[:-1], "the answer is not a whole HTTP message"),
    ],
)
async def test_no_answer(data: bytes, reason: str) -> None:
    """What is no answer is told as that."""
    link = FakeLink({"80 GET /": data})
    assert await request(link, Endpoint(80), "GET", "/", within=10) == NoAnswer(reason)
    assert link.open == 0


async def test_too_long() -> None:
    """Who never answers, or never ends, is left; the connection is closed."""
    link = FakeLink({"80 GET /": None, "81 GET /": b"x" * ((16 << 20) + 60_000)})
    assert await request(link, Endpoint(80), "GET", "/", within=0.05) == NoAnswer(
        "no answer within 0.05 s"
    )
    endless = await request(link, Endpoint(81), "GET", "/", within=60)
    assert endless == NoAnswer("the answer has more than 16777216 octets")
    assert link.open == 0


async def test_not_reached() -> None:
    """A port where nobody listens, and a host that is gone, give their reasons."""
    link = FakeLink()
    reached = await request(link, Endpoint(80), "GET", "/", within=1)
    assert reached == NoAnswer("127.0.0.1: refused")
    link.refused = UNREACHED
    assert await request(link, Endpoint(80), "GET", "/", within=1) == NoAnswer("no route")


def curl(code: bytes) -> Callable[[str, bytes], Completed]:
    """Return a host whose curl prints nothing and ends so."""

    def run(_command: str, stdin: bytes) -> Completed:
        mark = stdin.split(b"\n")[0].rpartition(b" ")[2]
        return Completed(0, b"motd\n" + mark + b"\n\n" + mark + b" " + code + b"\n", b"")

    return run


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (b"127", NoAnswer("forbidden, and there is no curl on the host", prohibited=True)),
        (b"7", NoAnswer("curl on the host: exit code 7")),
        (b"", NoAnswer("curl on the host: exit code ")),
        (b"0", NoAnswer("the connection was closed without an answer")),
    ],
)
async def test_curl_fails(code: bytes, answer: NoAnswer) -> None:
    """Where nothing is forwarded and curl does not help, either is told."""
    link = FakeLink(refused=NotForwarded("forbidden", prohibited=True), runs=curl(code))
    assert await request(link, Endpoint(80), "GET", "/", within=1) == answer
