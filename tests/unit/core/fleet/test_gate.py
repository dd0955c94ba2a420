"""Tests of what a browser may send through a forwarded port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.gate import MOST_HEAD, Gate, Refused

WHERE = "127.1.2.3:5000"
HOST = f"Host: {WHERE}"


def request(line: str = "GET / HTTP/1.1", *fields: str, host: str = HOST) -> bytes:
    """Return a request as it is on the wire."""
    return "\r\n".join([line, host, *fields, "", ""]).encode()


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request("GET /session/ses_1?x=%20y HTTP/1.1", "Sec-Fetch-Site: none"),
        request("GET / HTTP/1.1", "Sec-Fetch-Site: same-origin"),
        request("POST /session HTTP/1.1", "Origin: http://127.1.2.3:5000", "Content-Length: 0"),
    ],
)
def test_own(data: bytes) -> None:
    """What a page of the port asks, or a person typed in, goes on as it is."""
    assert Gate(WHERE, None).feed(data) == data


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("POST /session HTTP/1.1", "Origin: https://evil.test"), 403),
        (request("POST /session HTTP/1.1", "Origin: null"), 403),
        (request("POST /session HTTP/1.1", "Origin: http://127.1.2.3:6000"), 403),
        (request("GET /session HTTP/1.1", "Sec-Fetch-Site: cross-site"), 403),
        (request("GET /session HTTP/1.1", "Sec-Fetch-Site: same-site"), 403),
        (request(host="Host: evil.test"), 421),
        (request(host="Host: 127.1.2.3.evil.test:5000"), 421),
        (request(host="Host: localhost:5000"), 421),
        (request(host="Host: 127.0.0.1:5000"), 421),
        (request(host="Host: 127.1.2.3:5001"), 421),
        (request("GET / HTTP/1.1", f"X:{' ' * 60_000}\0"), 400),
        (request("GET / HTTP/1.1", "Host: evil.test"), 421),
        (request(host="X: y"), 421),
        (request("GET / HTTP/1.0"), 400),
        (request("GET http://127.1.2.3/ HTTP/1.1"), 400),
        (request("get / HTTP/1.1"), 400),
        (request("GET / HTTP/1.1", "no field"), 400),
        (request("GET / HTTP/1.1", " folded: yes"), 400),
        (request("POST / HTTP/1.1", "Transfer-Encoding: chunked"), 411),
        (request("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1"), 411),
        (request("POST / HTTP/1.1", "Content-Length: +1"), 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"A" * (MOST_HEAD + 1), 431),
    ],
)
def test_refused(data: bytes, status: int) -> None:
    """Other pages, other names, and what can be read in two ways do not get through."""
    with pytest.raises(Refused) as refused:
        Gate(WHERE, None).feed(data)
    assert refused.value.status == status
    assert refused.value.answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_every_request_is_looked_at() -> None:
    """The second request of a connection counts like the first."""
    gate = Gate(WHERE, None)
    first = request("POST /a HTTP/1.1", "Content-Length: 3") + b"abc"
    assert gate.feed(first) == first
    with pytest.raises(Refused):
        gate.feed(request("POST /b HTTP/1.1", "Origin: https://evil.test"))


def test_a_body_is_no_request() -> None:
    """What stands in a body is not judged."""
    inner = request("POST /b HTTP/1.1", "Origin: https://evil.test")
    data = request("POST /a HTTP/1.1", f"Content-Length: {len(inner)}") + inner
    assert Gate(WHERE, None).feed(data) == data


def test_authorization() -> None:
    """The server gets its own credentials, and no others."""
    sent = Gate(WHERE, "Basic ours").feed(request("GET / HTTP/1.1", "authorization: Basic theirs"))
    assert sent == request("GET / HTTP/1.1", "Authorization: Basic ours")
    assert b"theirs" not in Gate(WHERE, None).feed(
        request("GET / HTTP/1.1", "Authorization: theirs")
    )


def test_tunnel() -> None:
    """After an upgrade everything passes: it is a terminal's own protocol."""
    gate = Gate(WHERE, None)
    head = request("GET /pty/pty_1/connect HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket")
    assert gate.feed(head + b"\x81\x05hello") == head + b"\x81\x05hello"
    assert gate.feed(b"\x00GET / HTTP/1.1\r\n\r\n") == b"\x00GET / HTTP/1.1\r\n\r\n"


@given(st.lists(st.integers(1, 60), max_size=20))
def test_pieces(cuts: list[int]) -> None:
    """However the octets arrive, the same goes on."""
    data = request("POST /a HTTP/1.1", "Content-Length: 40") + b"x" * 40 + request()
    gate, sent, rest = Gate(WHERE, "Basic ours"), b"", data
    for cut in [*cuts, len(data)]:
        piece, rest = rest[:cut], rest[cut:]
        sent += gate.feed(piece)
    assert sent == Gate(WHERE, "Basic ours").feed(data)
