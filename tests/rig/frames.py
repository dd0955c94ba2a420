"""WebSocket frames (RFC 6455 section 5.2): enough for an echo."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHORT, _LONG = 126, 1 << 16


def frame(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """Return one whole message; a client's are masked."""
    bit, size = 0x80 * masked, len(payload)
    head = bytes([0x80 | opcode])
    if size < _SHORT:
        head += bytes([bit | size])
    elif size < _LONG:
        head += bytes([bit | _SHORT]) + size.to_bytes(2)
    else:
        head += bytes([bit | _SHORT + 1]) + size.to_bytes(8)
    if not masked:
        return head + payload
    key = secrets.token_bytes(4)
    return head + key + _mask(payload, key)


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the next message, opcode and payload. Raises IncompleteReadError."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= _SHORT:
        size = int.from_bytes(await reader.readexactly(2 if size == _SHORT else 8))
    key = await reader.readexactly(4) if second & 0x80 else b""
    payload = await reader.readexactly(size)
    return first & 0x0F, _mask(payload, key) if key else payload


def accept(key: str) -> str:
    """Return what ``Sec-WebSocket-Accept`` has to say to a ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324 - the RFC's


def _mask(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
