"""Agents, whose tools run as the user."""

from __future__ import annotations

import json

from tests.rig.recorder import RUN
from tests.rig.wait import until
from tests.threats.acts import assert_in, is_out
from tests.threats.row import Row
from tests.threats.world import NARROW_PASSWORD, House, World, basic, request

_CONNECT = """
import socket
with socket.create_connection(("127.0.0.1", {port})) as link:
    link.sendall({asked!r})
    print(link.recv(4096).split(b" ")[1].decode())
"""
_ORPHAN = """
import os, socket, sys
read, write = os.pipe()
if os.fork():
    sys.exit()
os.setsid()
if os.fork():
    sys.exit()
os.close(read)
while os.getppid() == {pid}:
    pass
with socket.create_connection(("127.0.0.1", {port})) as link:
    link.sendall({asked!r})
    status = link.recv(4096).split(b" ")[1]
with open({done!r} + ".tmp", "wb") as file:
    file.write(status)
os.rename({done!r} + ".tmp", {done!r})
"""
_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def _tool(world: World, house: House, project: str, script: str) -> str:
    """Have a project's server run a tool; return what it said."""
    asked = request("POST", f"/{project}{RUN}", house.at("localhost"), body=json.dumps(script))
    reply = world.here.ask(house.local, asked)
    assert reply.status == 200, reply
    return reply.body


def _agents_tool(world: World) -> None:
    house, directory = world.house, world.make("agent")
    with world.server(directory, house.router.scan[-5]):
        house.entry(directory)
        for project in ("atelier", "agent"):
            for target in ("/api/backends", f"/{project}/session", "/kiosk/session"):
                asked = request("GET", target, house.at("localhost"))
                said = _tool(world, house, project, _CONNECT.format(port=house.port, asked=asked))
                assert said.strip() == "401", (project, target)
    assert_in(world.here, house.local, house)


def _agents_orphan(world: World) -> None:
    house, done = world.house, world.folder / "orphan"
    asked = request("GET", "/api/backends", house.at("localhost"))
    pid = house.entry(world.atelier)["pid"]
    script = _ORPHAN.format(port=house.port, asked=asked, done=str(done), pid=pid)
    _tool(world, house, "atelier", script)
    until(done.exists)
    assert done.read_text() == "401"


def _environment(world: World) -> None:
    own = json.loads(_tool(world, world.narrow, "grotto", _ENVIRONMENT))
    passwords = {own["OPENCODE_SERVER_PASSWORD"]}
    assert not any(name.startswith("OCR_PASS") for name in own)
    assert NARROW_PASSWORD not in json.dumps(own)
    house = world.house
    for project in ("atelier", "kiosk"):
        told = json.loads(_tool(world, house, project, _ENVIRONMENT))
        assert house.password not in json.dumps(told)
        passwords.add(told["OPENCODE_SERVER_PASSWORD"])
    assert len(passwords) == 3
    for password in passwords:
        asked = request(
            "GET", "/api/backends", house.at("localhost"), "Via: 1.1 me", basic(password)
        )
        assert is_out(world.here.ask(house.local, asked))


WHO = "an agent's tool"
ROWS = (
    Row("agent-tool", WHO, "loopback, as the user", "to approve what it asks for", _agents_tool),
    Row(
        "agent-orphan",
        WHO,
        "loopback, its parents gone",
        "to approve what it asks for",
        _agents_orphan,
    ),
    Row("agent-environment", WHO, "its own environment", "the router's password", _environment),
)
