"""Hosts of the fleet that mean harm, and who is on this machine while they are looked at."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.stranger import UID, run_as
from tests.threats.row import Row
from tests.threats.world import World

from opencoderouter.core.fleet import clone, commands
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Endpoint, HostSpec, Server
from opencoderouter.core.fleet.watched import read_line
from opencoderouter.core.fleet.working import read_look
from opencoderouter.fleet.actions.browse import Forwards
from opencoderouter.fleet.actions.site import Site
from opencoderouter.fleet.http import NoAnswer, request
from opencoderouter.fleet.local import LocalLink

_NONSENSE = (
    b"HTTP/1.1 200 OK\r\nX:" + b" " * 30_000 + b"\0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 400_000,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
)
_ODD = ("$(touch DONE)", "`touch DONE`", "';touch DONE;'", "a\ntouch DONE\n", "--x", "\x1b]0;x\a")

_FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_STRANGER = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as link:
    try:
        link.sendall(f"GET / HTTP/1.1\\r\\nHost: {sys.argv[1]}:{sys.argv[2]}\\r\\n\\r\\n".encode())
        print(link.recv(99))
    except ConnectionError:
        print(b"")
"""


@contextmanager
def _listening(loop: asyncio.AbstractEventLoop, answer: bytes) -> Iterator[int]:
    """Have a server of this machine that answers everything by this."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        loop.run_until_complete(server.wait_closed())


def _nonsense(_: World) -> None:
    with asyncio.Runner() as runner:
        for answer in _NONSENSE:
            with _listening(runner.get_loop(), answer) as port:
                asked = request(LocalLink(), Endpoint(port), "GET", "/", within=20)
                assert isinstance(runner.run(_waited(asked)), NoAnswer)


async def _waited(answer: Awaitable[object]) -> object:
    return await answer


def _injects(_: World) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for odd in _ODD:
            (folder / odd).mkdir()
            script = commands.opening("/bin/echo", str(folder / odd), "ses_1")
            line = commands.at_terminal(("ssh",), "host", script)[-1]
            done = subprocess.run(["sh", "-c", line], cwd=name, capture_output=True, check=True)
            assert done.stdout == b"-s ses_1\n", odd
        assert not list(folder.rglob("DONE"))


def _draws(_: World) -> None:
    for odd in ("\x1b[2J", "\u202egnp.exe", "a\nb", "\x9b1m", "\ud800"):
        (host,) = read_line(_line(odd)) or ()
        assert all(text.isprintable() for text in (host.alias, host.label, host.reason))


def _line(text: str) -> bytes:
    shown = text.encode("unicode_escape").decode().replace("\\x", "\\u00")
    return f'{{"hosts":[{{"alias":"a{shown}","label":"{shown}","reason":"{shown}"}}]}}'.encode()


def _hides(_: World) -> None:
    command = f"true {'# ' * 5_000}\nrm -rf ~"
    asked = {
        "id": "per_2075968a0001KtwKvrfrrHQkBf",
        "sessionID": "ses_1",
        "permission": "bash",
        "metadata": {"command": command},
    }
    (ask,) = read_look({}, [asked], [], Endpoint(1), 1.0).asks
    assert ask.text == f"bash: {command}"


def _clones(_: World) -> None:
    for url in (
        "ext::sh -c id",
        "--upload-pack=id",
        "https://me:secret@h/x",
        "ssh://-oX/x",
        "a::b",
    ):
        assert clone.refusal(url), url


def _forwarded(try_: Callable[[str], Awaitable[None]]) -> None:
    """Open a server of this machine in a browser, as it were, and have something tried there."""
    with asyncio.Runner() as runner, _listening(runner.get_loop(), _FINE) as port:
        runner.run(_opened(port, try_))


async def _opened(port: int, try_: Callable[[str], Awaitable[None]]) -> None:
    site = Site(HostSpec("box"), LocalLink(), "opencode")
    async with Forwards() as forwards:
        forward = await forwards._forward(site, Place(Server(port)))  # noqa: SLF001 - no session is needed
        await try_(forward.where)


async def _ask(where: str, *fields: str) -> bytes:
    reader, writer = await asyncio.open_connection(*where.split(":"))
    writer.write("\r\n".join(("GET / HTTP/1.1", *fields, "", "")).encode())
    try:
        return await reader.readline()
    finally:
        writer.close()


async def _pages(where: str) -> None:
    assert b" 200 " in await _ask(where, f"Host: {where}")
    port = where.partition(":")[2]
    for host in ("evil.test", f"evil.test:{port}", f"localhost:{port}", f"127.0.0.1:{port}"):
        assert b" 421 " in await _ask(where, f"Host: {host}"), host
    for field in ("Origin: https://evil.test", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert b" 403 " in await _ask(where, f"Host: {where}", field), field


async def _users(where: str) -> None:
    assert b" 200 " in await _ask(where, f"Host: {where}")
    said = await asyncio.to_thread(run_as, UID, _STRANGER, *where.split(":"))
    assert said.strip() == "b''"


async def _cookies(where: str) -> None:
    assert where.startswith("127.")
    assert not where.startswith("127.0.0.1:")


ROWS = (
    Row(
        "host-answers-nonsense",
        "a host of the fleet",
        "what listens there, its answers",
        "an `ocr` that hangs, ends, or shows no other host",
        _nonsense,
    ),
    Row(
        "host-injects",
        "a host of the fleet",
        "names of directories",
        "a command run here, or there by another name",
        _injects,
    ),
    Row(
        "host-draws",
        "a host of the fleet",
        "titles, names, errors",
        "to draw on the terminal or the dashboard",
        _draws,
    ),
    Row(
        "host-reads-cookies",
        "a host of the fleet",
        "its page, opened by `o`",
        "cookies of the router and of other hosts, or to set them",
        lambda _: _forwarded(_cookies),
    ),
    Row(
        "agent-hides-command",
        "an agent",
        "its question for a permission",
        "that a person allows what is not shown",
        _hides,
    ),
    Row(
        "clone-runs",
        "who gives the address of a repository",
        "`ocr clone`",
        "a command run on the host",
        _clones,
    ),
    Row(
        "site-forwarded",
        "a page of another site",
        "the port of a session that is open in the browser",
        "a shell on the host",
        lambda _: _forwarded(_pages),
    ),
    Row(
        "local-forwarded",
        "another user of the machine",
        "the port of a session that is open in the browser",
        "a shell on the host",
        lambda _: _forwarded(_users),
        ("stranger",),
    ),
)
