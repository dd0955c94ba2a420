"""A backend that starts in a tenth of a second and whose answers prove what they belong to.

``python -m tests.rig.witness PORT BOOT`` in a project's directory. It answers what a router asks
OpenCode, so it is taken in. It ends when its standard input does: nothing of it can be left over.
SIGTERM ends it too, a moment after it has stopped to listen. A request that is not well-formed,
or says one thing here and another there, gets a 500 that no client expects.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from tests.rig import frames
from tests.rig.proof import FIELD, Proof

LISTENING = b"listening\n"
_PIECES = (1, 7, 1000, 65_536, 16_384, 3)
_BEAT = 0.25  # seconds between two events
_DRAIN = 0.3  # seconds for what is being answered when it is told to end
_OPENCODE: Mapping[str, object] = {
    "/global/health": {"healthy": True, "version": "1.18.33"},
    "/path": {"directory": str(Path.cwd()), "worktree": "/"},
    "/session/status": {},
    "/session": [],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: path and query of its target, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    fields: Mapping[str, str]
    body: bytes = b""

    @property
    def chunked(self) -> bool:
        """Tell how its body came."""
        return "transfer-encoding" in self.fields


@dataclass(frozen=True, slots=True)
class Talk:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send, and wait until more may be sent."""
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> Asked:
        """Return the next request. Raises IncompleteReadError at the end, ValueError for junk."""
        head = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("ascii")
        start, *lines = head.split("\r\n")
        method, target, version = start.split(" ")
        pairs = [line.split(": ", 1) for line in lines]
        fields = {name.lower(): value for name, value in pairs}
        if version != "HTTP/1.1" or len(fields) != len(pairs):
            raise ValueError(head)
        path, _, query = target.partition("?")
        body = await self._body(fields)
        return Asked(method, path, dict(parse_qsl(query, strict_parsing=bool(query))), fields, body)

    async def _body(self, fields: Mapping[str, str]) -> bytes:
        if "transfer-encoding" not in fields:
            return await self.reader.readexactly(int(fields.get("content-length", "0")))
        if "content-length" in fields or fields["transfer-encoding"] != "chunked":
            raise ValueError(fields)
        body = bytearray()
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:size]
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return bytes(body)


class Witness:
    """Answers for one project, port and run."""

    def __init__(self, project: str, port: int, boot: str) -> None:
        self._project, self._port, self._boot = project, port, boot
        self._ways: Mapping[str, Callable[[Talk, Asked, Proof], Awaitable[None]]] = {
            "/proof/text": self._text,
            "/proof/chunks": self._chunks,
            "/proof/echo": self._echo,
            "/proof/nothing": self._nothing,
            "/proof/events": self._events,
            "/proof/socket": self._socket,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        talk = Talk(reader, writer)
        try:
            while True:
                await self._answer(talk, await talk.hear())
        except ValueError as error:
            writer.write(_response(500, repr(error).encode()))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side went away
        finally:
            writer.close()

    async def _answer(self, talk: Talk, asked: Asked) -> None:
        if asked.path in _OPENCODE:
            data = json.dumps(_OPENCODE[asked.path]).encode()
            await talk.say(_response(200, data, "Content-Type: application/json"))
            return
        request = asked.query["request"]
        if request != asked.fields.get("x-request") or asked.path not in self._ways:
            raise ValueError(asked.path, request, asked.fields)
        peer = asked.fields["x-forwarded-for"]
        proof = Proof(self._project, self._port, self._boot, peer, request)
        await self._ways[asked.path](talk, asked, proof)

    async def _text(self, talk: Talk, asked: Asked, proof: Proof) -> None:
        body = proof.text(int(asked.query["size"]))
        await talk.say(_response(200, body, _field(proof), bodiless=asked.method == "HEAD"))

    async def _chunks(self, talk: Talk, asked: Asked, proof: Proof) -> None:
        await self._in_chunks(talk, proof.text(int(asked.query["size"])), proof)

    async def _echo(self, talk: Talk, asked: Asked, proof: Proof) -> None:
        body = f"{proof}\n".encode() + asked.body
        if asked.chunked:
            await self._in_chunks(talk, body, proof)
        else:
            await talk.say(_response(200, body, _field(proof)))

    async def _nothing(self, talk: Talk, _: Asked, proof: Proof) -> None:
        await talk.say(f"HTTP/1.1 204 No Content\r\n{_field(proof)}\r\n\r\n".encode())

    async def _events(self, talk: Talk, _: Asked, proof: Proof) -> None:
        await talk.say(_streamed(_field(proof), "Content-Type: text/event-stream"))
        for number in itertools.count():
            event = json.dumps({"proof": str(proof), "number": number})
            await talk.say(_chunk(f"data: {event}\n\n".encode()))
            await asyncio.sleep(_BEAT)
            if talk.writer.is_closing() or talk.reader.at_eof():
                raise ConnectionAbortedError

    async def _socket(self, talk: Talk, asked: Asked, proof: Proof) -> None:
        fields = (
            "HTTP/1.1 101 Switching Protocols",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Accept: {frames.accept(asked.fields['sec-websocket-key'])}",
        )
        await talk.say("\r\n".join([*fields, _field(proof), "", ""]).encode())
        while True:
            opcode, payload = await frames.read(talk.reader)
            if opcode == frames.CLOSE:
                await talk.say(frames.frame(opcode, payload, masked=False))
                raise ConnectionAbortedError
            said = f"{proof} ".encode() + payload
            await talk.say(frames.frame(frames.TEXT, said, masked=False))

    async def _in_chunks(self, talk: Talk, body: bytes, proof: Proof) -> None:
        await talk.say(_streamed(_field(proof)))
        sizes, rest = itertools.cycle(_PIECES), memoryview(body)
        while rest:
            size = next(sizes)
            await talk.say(_chunk(bytes(rest[:size])))
            rest = rest[size:]
        await talk.say(b"0\r\n\r\n")


def _field(proof: Proof) -> str:
    return f"{FIELD}: {proof}"


def _response(status: int, body: bytes, *fields: str, bodiless: bool = False) -> bytes:
    lines = (f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *fields, "", "")
    return "\r\n".join(lines).encode() + (b"" if bodiless else body)


def _streamed(*fields: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *fields, "", ""]).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def main(port: int, boot: str) -> None:
    """Serve until standard input ends."""
    witness = Witness(Path.cwd().name, port, boot)
    server = await asyncio.start_server(witness.serve, "127.0.0.1", port, backlog=1024)
    os.write(1, LISTENING)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(0, os._exit, 0)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    async with server:
        await over.wait()
        server.close()
        await asyncio.sleep(_DRAIN)
        os._exit(0)  # with everything that still runs


if __name__ == "__main__":
    with suppress(OSError):  # the port is taken: the end of the output says so
        asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
