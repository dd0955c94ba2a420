"""What many rows do: log in, and see that somebody is kept out."""

from __future__ import annotations

from urllib.parse import quote

from tests.rig.seat import Address, Reply, Seat
from tests.threats.world import UPGRADE, House, request

# What leads to a shell, and what tells of it: all of it is kept from strangers.
DOORS = (
    ("GET", "/", ()),
    ("GET", "/api/backends", ()),
    ("GET", "/api/events", ()),
    ("GET", "/api/metrics", ()),
    ("GET", "/api/openapi.json", ()),
    ("GET", "/api/resolve?name=atelier", ()),
    ("GET", "/api/backends/atelier/log", ()),
    ("POST", "/api/backends/atelier/stop", ()),
    ("GET", "/atelier/session", ()),
    ("POST", "/atelier/session", ()),
    ("GET", "/atelier/event", ()),
    ("GET", "/atelier/pty/pty_1/connect", UPGRADE),
    ("OPTIONS", "/atelier/session", ()),
    ("GET", "/.ocr/../api/backends", ()),
    ("GET", "/.ocr/%2e%2e/api/backends", ()),
    ("GET", "/.ocr/../atelier/session", ()),
    ("GET", "/.ocr/go?to=http%3A%2F%2Fatelier.localhost", ()),
    ("GET", "//api/backends", ()),
    ("GET", "/api/health/../backends", ()),
)


def is_out(reply: Reply) -> bool:
    """Tell whether somebody was asked who they are, and got nothing else."""
    return reply.status == 401 and reply.get("www-authenticate") != ""


def assert_out(by: Seat, to: Address, house: House, *fields: str) -> None:
    """Assert that no door is open to who sends these fields."""
    for method, target, own in DOORS:
        asked = request(method, target, house.at("localhost"), *own, *fields)
        reply = by.ask(to, asked)
        assert is_out(reply), (method, target, fields, reply)
    reply = by.ask(
        to, request("POST", "/session", house.at("atelier.localhost"), *fields, body="{}")
    )
    assert is_out(reply), (fields, reply)


def assert_in(by: Seat, to: Address, house: House, *fields: str) -> None:
    """Assert that the doors lead somewhere for who sends these fields."""
    for target in ("/api/backends", "/atelier/session"):
        reply = by.ask(to, request("GET", target, house.at("localhost"), *fields))
        assert reply.status == 200, (target, fields, reply)


def log_in(by: Seat, to: Address, host: str, secret: str) -> Reply:
    """Send the login form."""
    form = f"password={quote(secret)}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    return by.ask(to, request("POST", "/.ocr/login", host, kind, body=form))


def session(by: Seat, to: Address, host: str, secret: str) -> str:
    """Log in; return the Cookie field of the session."""
    reply = log_in(by, to, host, secret)
    assert reply.status in {200, 303}, reply
    (cookie,) = reply.all("set-cookie")
    return f"Cookie: {cookie.partition(';')[0]}"
