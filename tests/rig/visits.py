"""What clients of a router do, each with a check that the answer is right and its own.

A visit is a coroutine function of a ``Guest``. It raises ``Wrong`` for what no router should
answer and ``Down`` where the router says that the project has no server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from tests.rig import frames
from tests.rig.guest import Down, Guest
from tests.rig.line import Head, Line, Wrong
from tests.rig.proof import FIELD

MEGABYTE = 1 << 20
Visit = Callable[[Guest], Awaitable[None]]


async def small(guest: Guest) -> None:
    """Get a short text."""
    await _text(guest, 20)


async def large(guest: Guest) -> None:
    """Get a megabyte."""
    await _text(guest, MEGABYTE)


async def again(guest: Guest) -> None:
    """Send the same head four times on one connection: what is remembered of it must be right."""
    for _ in range(4):
        if guest.line.open:
            await _text(guest, 7)


async def chunks(guest: Guest) -> None:
    """Get 100 KB in chunks of odd sizes."""
    size = 100_000
    head, body = await guest.line.ask(guest.ask("GET", "chunks", size=size))
    guest.same(body, guest.check(head, body).text(size), head)


async def bodiless(guest: Guest) -> None:
    """Ask by HEAD, and for a 204: answers without a body leave the connection in step."""
    for method, path in (("HEAD", "text"), ("GET", "nothing"), ("HEAD", "text")):
        if guest.line.open:
            head, body = await guest.line.ask(guest.ask(method, path, size=500))
            guest.check(head, body)
            guest.same(body, b"", head)


async def echo(guest: Guest) -> None:
    """Post a body of a size of any kind, and get it back."""
    data = _data(guest)
    head, body = await guest.line.ask(
        guest.ask("POST", "echo", f"Content-Length: {len(data)}") + data
    )
    guest.same(body, f"{guest.check(head, body)}\n".encode() + data, head)


async def echo_in_chunks(guest: Guest) -> None:
    """Post a body in chunks, and get it back in other ones; both are on their way at once."""
    data = _data(guest)
    request = guest.ask("POST", "echo", "Transfer-Encoding: chunked") + _in_chunks(guest, data)
    head, body = await guest.line.ask(request)
    guest.same(body, f"{guest.check(head, body)}\n".encode() + data, head)


async def pipelined(guest: Guest) -> None:
    """Send requests to several projects and the API in one go; answers come in their order."""
    ways = [guest.way, *guest.random.sample(guest.others, min(4, len(guest.others)))]
    guest.asked = ways
    turns = [
        replace(guest, way=way, asked=(), request=f"{guest.request}-{number}")
        for number, way in enumerate(ways)
    ]
    health = f"GET /api/health HTTP/1.1\r\nHost: localhost:{guest.way.port}\r\n\r\n".encode()
    asks = [turn.ask("GET", "text", size=3000) for turn in turns]
    guest.line.send(b"".join([*asks, health]))
    for turn in turns:
        head = await guest.line.head()
        body = await guest.line.body(head)
        try:
            turn.same(body, turn.check(head, body).text(3000), head)
        except Down as down:
            if not turn.excused():
                raise
            guest.ledger.excused[str(down)] += 1
    _healthy(*await _rest(guest.line))


async def events(guest: Guest) -> None:
    """Follow an event stream for some events: each comes, once and in order; then hang up."""
    await follow(guest, guest.random.randint(1, 12))


async def follow(guest: Guest, count: int) -> None:
    """Follow an event stream for ``count`` events, then hang up."""
    guest.line.send(guest.ask("GET", "events"))
    head = await guest.line.head()
    if head.status != 200:
        guest.check(head, await guest.line.body(head))
        raise Wrong(head)
    proof, expected = guest.check(head), 0
    async for event in guest.line.events(head):
        if event != {"proof": str(proof), "number": expected}:
            raise Wrong(guest.way, event, expected)
        expected += 1
        if expected == count:
            guest.line.abort()
            return
    raise ConnectionResetError("the stream ended")


async def socket(guest: Guest) -> None:
    """Open a WebSocket, send texts of many sizes, get each back, and close it properly."""
    await converse(guest, guest.random.randint(1, 10), pause=0)


async def converse(guest: Guest, count: int, *, pause: float) -> None:
    """Send ``count`` texts through a WebSocket, seconds between them, and get each back."""
    head = await _upgraded(guest, guest.ask("GET", "socket", *UPGRADE))
    proof = guest.check(head)
    for _ in range(count):
        text = guest.random.randbytes(guest.random.choice((0, 5, 62, 63, 4000, 33_000))).hex()
        guest.line.send(frames.frame(frames.TEXT, text.encode(), masked=True))
        opcode, payload = await frames.read(guest.line.reader)
        if opcode != frames.TEXT or payload != f"{proof} {text}".encode():
            raise Wrong(guest.way, opcode, payload[:100], text[:20])
        await asyncio.sleep(pause)
    await _closed(guest)


async def terminal(guest: Guest) -> None:
    """Type into a terminal of a stand-in for OpenCode, whose frames are another library's."""
    await _upgraded(guest, guest.way.head("GET", f"/pty/{guest.request}/connect", *UPGRADE))
    if (await frames.read(guest.line.reader))[0] != frames.BINARY:
        raise Wrong(guest.way)
    for number in range(3):
        text = f"{guest.request} {number}".encode()
        guest.line.send(frames.frame(frames.TEXT, text, masked=True))
        if (await frames.read(guest.line.reader)) != (frames.TEXT, text):
            raise Wrong(guest.way, text)
    await _closed(guest)


async def api(guest: Guest) -> None:
    """Ask the router itself: it lists every project that is up all the time, and lives."""
    fields = f"HTTP/1.1\r\nHost: localhost:{guest.way.port}\r\n\r\n"
    _healthy(*await guest.line.ask(f"GET /api/health {fields}".encode()))
    head, body = await guest.line.ask(f"GET /api/backends {fields}".encode())
    if head.status != 200 or guest.ledger.steady - {row["slug"] for row in json.loads(body)}:
        raise Wrong(head, body)


async def news(guest: Guest) -> None:
    """Open the router's own event stream, read what comes first, and hang up."""
    request = f"GET /api/events HTTP/1.1\r\nHost: localhost:{guest.way.port}\r\n\r\n"
    guest.line.send(request.encode())
    head = await guest.line.head()
    if head.status != 200 or not await anext(guest.line.events(head)):
        raise Wrong(head)
    guest.line.abort()


async def vanish(guest: Guest) -> None:
    """Go away in the middle of a request, of an answer, of a stream, or of a WebSocket."""
    stages = (
        (guest.ask("GET", "text", size=9)[:-7], 0),
        (guest.ask("POST", "echo", "Content-Length: 100000") + bytes(50_000), 0),
        (guest.ask("POST", "echo", "Transfer-Encoding: chunked") + b"5\r\n12", 0),
        (guest.ask("GET", "text", size=MEGABYTE), 3000),
        (guest.ask("GET", "text", size=MEGABYTE), 0),
        (guest.ask("GET", "events"), 100),
        (guest.ask("GET", "socket", *UPGRADE) + b"\x81", 100),
    )
    request, count = guest.random.choice(stages)
    guest.line.send(request)
    if count:
        await guest.line.reader.read(count)
    if guest.random.random() < 0.5:
        guest.line.abort()
    guest.line.open = False


async def malformed(guest: Guest) -> None:
    """Send what is no HTTP: a refusal, and the end of the connection."""
    number = guest.random.randrange(len(MALFORMED))
    guest.line.send(MALFORMED[number] % (b"localhost:%d" % guest.way.port))
    head = await guest.line.head()
    await guest.line.body(head)
    if not (400 <= head.status < 500 or head.status in {501, 505}) or FIELD.lower() in head.fields:
        raise Wrong(MALFORMED[number], head)
    guest.line.open = False
    if await guest.line.reader.read():
        raise Wrong(MALFORMED[number], "more than one answer")


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
MALFORMED = (
    b"GET / HTTP/1.1\r\nHost: %b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
    b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: +1\r\n\r\na",
    b"GET / HTTP/1.1\r\nHost: %b\r\nX : y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %b\r\nX: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %b\r\nHost: other\r\n\r\n",
    b"G(T / HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %b\r\n folded\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: %b\r\n\r\n\x16\x03\x01",
)
# How often each is made, out of the sum.
MIX: Mapping[Visit, int] = {
    small: 30,
    large: 3,
    again: 8,
    chunks: 6,
    bodiless: 6,
    echo: 10,
    echo_in_chunks: 8,
    pipelined: 10,
    events: 4,
    socket: 6,
    api: 4,
    news: 2,
    vanish: 8,
    malformed: 5,
}


async def _text(guest: Guest, size: int) -> None:
    head, body = await guest.line.ask(guest.ask("GET", "text", size=size))
    guest.same(body, guest.check(head, body).text(size), head)


def _in_chunks(guest: Guest, data: bytes) -> bytes:
    rest, sent = memoryview(data), bytearray()
    while rest:
        piece = bytes(rest[: guest.random.choice((1, 100, 5000, 66_000))])
        sent += b"%x\r\n%b\r\n" % (len(piece), piece)
        rest = rest[len(piece) :]
    return bytes(sent) + b"0\r\n\r\n"


async def _upgraded(guest: Guest, request: bytes) -> Head:
    guest.line.send(request)
    head = await guest.line.head()
    if head.status != 101:
        guest.check(head, await guest.line.body(head))
        raise Wrong(head)
    return head


async def _closed(guest: Guest) -> None:
    guest.line.send(frames.frame(frames.CLOSE, b"\x03\xe8", masked=True))
    if (await frames.read(guest.line.reader))[0] != frames.CLOSE or await guest.line.reader.read():
        raise Wrong(guest.way, "no proper close")


async def _rest(line: Line) -> tuple[Head, bytes]:
    head = await line.head()
    return head, await line.body(head)


def _healthy(head: Head, body: bytes) -> None:
    if head.status != 200 or json.loads(body).get("healthy") is not True:
        raise Wrong(head, body)


def _data(guest: Guest) -> bytes:
    return guest.random.randbytes(guest.random.choice((0, 1, 100, 10_000, 300_000)))
