"""Other users of the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.rig.claimant import claimant, counted
from tests.rig.router import COMMAND
from tests.rig.stranger import UID, heard, run_as
from tests.rig.wait import until
from tests.threats.acts import assert_in, assert_out, is_out, log_in, session
from tests.threats.row import Row
from tests.threats.world import World, basic, bearer, request

_FIN_WAIT2 = "05"  # linux/tcp_states.h
_BIND = """
import json, socket, sys
port, tried = int(sys.argv[1]), []
for address in sys.argv[2:]:
    for options in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as one:
            for option in options:
                one.setsockopt(socket.SOL_SOCKET, option, 1)
            try:
                one.bind((address, port))
                one.listen()
                tried.append("listens")
            except OSError as error:
                tried.append(type(error).__name__ + str(error.errno))
print(json.dumps(tried))
"""


def _no_password(world: World) -> None:
    house = world.house
    assert_out(world.stranger, house.local, house)
    for wrong in (house.password[:-1], house.password.upper()):  # few: they are counted
        assert is_out(world.stranger.ask(house.local, _asking(world, basic(wrong))))
    assert_in(world.stranger, house.local, house, basic(house.password))
    assert_in(world.stranger, house.local, house, bearer(house.password))
    assert_in(world.here, house.local, house)


def _asking(world: World, *fields: str) -> bytes:
    return request("GET", "/api/backends", world.house.at("localhost"), *fields)


def _send_and_close(world: World) -> None:
    house = world.house
    pid = house.router.process.pid
    for slow in (False, True):
        with _stopped(pid) if slow else nullcontext():
            for number in range(40):
                target = f"/atelier/session?gone={number}"
                asked = request("POST", target, house.at("localhost"), body="{}")
                world.stranger.drop(house.local, asked, abort=number % 2 == 1)
            if slow:
                until(lambda: _forgotten(house.port) >= 10)
    assert_in(world.here, house.local, house)
    assert world.received(world.atelier, "gone=") == []


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Keep a process from looking."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _forgotten(port: int) -> int:
    """Return how many connections to a port nobody has any more: the kernel says uid 0 of them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ended = [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == _FIN_WAIT2]
    return sum(row[7] == row[9] == "0" for row in ended)


def _claims(world: World) -> None:
    house, directory = world.house, world.make("claimed")
    taken, free = house.router.scan[-1], house.router.scan[-2]
    with claimant(taken, directory) as other:
        assert heard(other) == "listening"
        with world.server(directory, free):
            assert house.entry(directory)["port"] == free
            asked = request("GET", "/claimed/path?whose", house.at("localhost"))
            assert world.here.ask(house.local, asked).status == 200
        assert world.received(directory, "whose") != []
        assert counted(other) == (0, "")


def _changes_hands(world: World) -> None:
    house, directory = world.house, world.make("handed")
    port = house.router.scan[-3]
    asked = request("GET", "/handed/path?secret", house.at("localhost"), "Authorization: Bearer s")
    with world.server(directory, port) as server:
        house.entry(directory)
        assert world.here.ask(house.local, asked).status == 200
        with claimant(port, directory) as other:
            server.kill()
            server.wait()
            replies = [world.here.ask(house.local, asked).status for _ in range(200)]
            assert heard(other) == "listening"
            replies += [world.here.ask(house.local, asked).status for _ in range(50)]
            assert set(replies) <= {502, 503}
            assert counted(other)[1] == ""


def _directly(world: World) -> None:
    house = world.house
    port = int(str(house.entry(world.atelier)["port"]))
    own = house.run("env", "atelier")
    secret = next(line for line in own.splitlines() if "PASSWORD" in line).partition("=")[2]
    asked = request("GET", "/session", f"127.0.0.1:{port}")
    shown = request("GET", "/session", f"127.0.0.1:{port}", basic(secret.strip("'")))
    assert world.stranger.ask(("127.0.0.1", port), asked).status == 401
    assert world.here.ask(("127.0.0.1", port), shown).status == 200
    assert is_out(world.stranger.ask(house.local, _asking(world, basic(secret.strip("'")))))


def _reads(world: World) -> None:
    house = world.house
    house.token("reads-state", "--expires", "1h")
    log_in(world.here, house.local, house.at("localhost"), "wrong")
    kept = [house.state, *house.state.rglob("*"), house.access_log]
    assert {"secrets.json", "tokens.json", "audit.jsonl", "leases.json"} <= {k.name for k in kept}
    running = [house.router.process.pid, int(str(house.entry(world.atelier)["pid"]))]
    secret = [f"/proc/{pid}/{name}" for pid in running for name in ("environ", "fd", "mem")]
    tried = {str(path): world.stranger.read(path) for path in [*kept, *secret]}
    assert set(tried.values()) <= {"PermissionError", "FileNotFoundError"}, tried
    assert {oct(p.stat().st_mode & 0o777) for p in kept} == {"0o700", "0o600"}


def _plants(world: World) -> None:
    house = world.house
    foreign = world.make("planted")
    os.chown(foreign, UID, UID)
    link = world.folder / "link"
    link.symlink_to(foreign)
    for state in (foreign, link, foreign / "state"):
        serve = [
            str(COMMAND),
            "serve",
            "--hostname",
            "127.0.0.1",
            "--state-dir",
            str(state),
            "--mdns=false",
        ]
        environment = {k: v for k, v in house.environment.items() if not k.startswith("OCR_")}
        environment["OCR_PORT"] = str(house.router.scan[-4])
        if state.name == "state":
            run_as(UID, "import os, sys; os.mkdir(sys.argv[1])", state)
        done = subprocess.run(
            serve, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode in {1, 2}, (state, done)
        assert str(state) in done.stderr, (state, done)
        assert list(foreign.glob("*.json")) == []


def _beside(world: World) -> None:
    addresses = ("127.0.0.1", "::1", "0.0.0.0", "::", "127.0.0.2")
    tried = json.loads(run_as(UID, _BIND, world.house.port, *addresses))
    assert set(tried) == {"OSError98"}, tried


def _cookie(world: World) -> None:
    house, here = world.house, world.house.at("localhost")
    assert log_in(world.here, house.local, here, house.password).all("set-cookie") == []
    taken = session(world.abroad, world.far(house), here, house.password)
    assert_in(world.abroad, world.far(house), house, taken)
    for to in (house.local, world.far(house)):
        assert_out(world.stranger, to, house, taken)
    beside = session(world.here, world.far(house), here, house.password)
    assert_in(world.here, world.far(house), house, beside)
    assert_out(world.stranger, world.far(house), house, beside)
    own = session(world.stranger, house.local, here, house.password)
    assert_in(world.stranger, house.local, house, own)
    assert_out(world.abroad, world.far(house), house, own)


def _tunnel(world: World) -> None:
    house = world.house
    fields = (
        "Forwarded: for=198.51.100.1",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: localhost",
        "X-Real-IP: 127.0.0.1",
        "Via: 1.1 proxy",
    )
    for field in fields:
        assert_out(world.here, house.local, house, field)
    assert_in(world.here, house.local, house, fields[0], basic(house.password))


WHO, WHERE = "another user of the machine", "loopback"
ROWS = (
    Row("local-no-password", WHO, WHERE, "a shell", _no_password, ("stranger",)),
    Row(
        "local-send-and-close",
        WHO,
        "loopback, gone before it is looked at",
        "one request done",
        _send_and_close,
        ("stranger",),
    ),
    Row(
        "local-claims-project",
        WHO,
        "a port of the range, before and beside the real server",
        "prompts and passwords of a project",
        _claims,
        ("stranger",),
    ),
    Row(
        "local-port-changes-hands",
        WHO,
        "the port of a server that has just died",
        "requests and secrets meant for it",
        _changes_hands,
        ("stranger",),
    ),
    Row("local-round-the-router", WHO, "a server's own port", "a shell", _directly, ("stranger",)),
    Row(
        "local-reads-files",
        WHO,
        "state, logs, `/proc`",
        "the password, tokens, what was done",
        _reads,
        ("stranger",),
    ),
    Row(
        "local-plants-files",
        WHO,
        "the state directory, a link",
        "secrets written where they read",
        _plants,
        ("stranger",),
    ),
    Row(
        "local-beside-port",
        WHO,
        "the router's port, at other addresses",
        "what clients send to the router",
        _beside,
        ("stranger",),
    ),
    Row(
        "local-cookie-of-the-host",
        "another user's server",
        "another port of the same host",
        "to go on with a browser's cookie",
        _cookie,
        ("stranger", "network"),
    ),
    Row(
        "local-tunnel",
        "clients of a proxy or tunnel of the user's",
        "loopback, as the user",
        "to pass for the user",
        _tunnel,
    ),
)
