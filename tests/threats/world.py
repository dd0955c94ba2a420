"""A user's machine with routers on it, and the seats of everybody who may want something there."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.rig import recorder
from tests.rig.netns import Network, network
from tests.rig.recorder import Received
from tests.rig.router import COMMAND, Router, router
from tests.rig.seat import Address, Seat, seat, strangers_seat
from tests.rig.wait import until
from tests.threats.town import Town, town
from tests.wire.proxy.secured import make_pair

OWNER = "quentin"
STRANGERS = 8  # that the narrow one takes from an address, and one for each further process
NARROW_PASSWORD = "a-password-that-the-user-chose"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SAME_ORIGIN = "Sec-Fetch-Site: same-origin"
_count = itertools.count()


def request(method: str, target: str, host: str, *fields: str, body: str = "") -> bytes:
    """Return a request over a connection that ends with it, unless a field says otherwise.

    With a cookie it is a browser's, for a page of the same origin unless a field says otherwise.
    """
    names = {field.partition(":")[0].lower() for field in fields}
    own = [] if "connection" in names else ["Connection: close"]
    if "cookie" in names and not names & {"origin", "sec-fetch-site", "referer"}:
        own.append(SAME_ORIGIN)
    sized = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *own, *fields, *sized, "", body]
    return "\r\n".join(lines).encode()


def basic(secret: str, user: str = "opencode") -> str:
    """Return the field by which OpenCode's clients show a password."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


def bearer(secret: str) -> str:
    """Return the field by which programs show a password or a token."""
    return f"Authorization: Bearer {secret}"


@dataclass(frozen=True, slots=True)
class House:
    """A router with what its user has of it: state, logs, environment, projects."""

    router: Router
    state: Path
    access_log: Path
    environment: Mapping[str, str]

    @property
    def port(self) -> int:
        """Return where it listens."""
        return self.router.port

    @property
    def local(self) -> Address:
        """Return how this machine reaches it."""
        return ("127.0.0.1", self.port)

    @property
    def password(self) -> str:
        """Return the password that it drew."""
        return str(json.loads((self.state / "secrets.json").read_text())["password"])

    @property
    def cookie(self) -> str:
        """Return the name of its sessions' cookies."""
        return f"ocr-session-{self.port}"

    def at(self, host: str) -> str:
        """Return the Host field of one of its names."""
        return f"{host}:{self.port}"

    def run(self, *arguments: object) -> str:
        """Run ``ocr-router`` as its user; return what it prints."""
        command = [str(COMMAND), *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done)
        return done.stdout

    def token(self, name: str, *flags: object) -> str:
        """Create a token; return its secret as soon as the router knows it."""
        printed = self.run("token", "create", name, *flags)
        secret = next(word for word in printed.split() if word.startswith("ocrt_"))
        until(lambda: self._knows(secret))
        return secret

    def entry(self, directory: Path) -> Mapping[str, object]:
        """Return the entry of a project that is ready."""
        found = self.router.ready(directory)
        assert isinstance(found, dict)
        return found

    def _knows(self, secret: str) -> bool:
        """Ask from an address that nobody else has: wrong secrets are counted."""
        number = next(_count)
        source = (f"127.8.{number // 250}.{number % 250 + 1}", 0)
        asked = request("GET", "/.ocr/x", self.at("localhost"), bearer(secret), "Via: 1.1 me")
        with socket.create_connection(self.local, 30, source_address=source) as link:
            link.sendall(asked)
            return link.recv(4096).split(b" ")[1] != b"401"


class World:
    """Everything is made when it is asked for first, and gone when ``end`` closes.

    Its folder can be entered by everybody, as a home directory often can.
    """

    def __init__(self, folder: Path, end: ExitStack) -> None:
        self.folder, self._end = folder, end
        self._path = recorder.program(folder / "bin")

    @cached_property
    def house(self) -> House:
        """Return a router on all addresses, with a password it drew, and two projects."""
        flags = {"--hostname": "0.0.0.0", "--log-level": "debug", "--api-rate": 10_000}
        return self._house("house", (self.atelier, self.kiosk), flags, {})

    @cached_property
    def narrow(self) -> House:
        """Return one that takes few strangers and has a password that its user chose."""
        flags = {"--hostname": "0.0.0.0", "--max-unauthenticated": STRANGERS, "--api-rate": 5}
        chosen = {"OCR_PASSWORD": NARROW_PASSWORD}
        return self._house("narrow", (self.make("grotto"),), flags, chosen)

    @cached_property
    def secured(self) -> House:
        """Return one that speaks TLS."""
        pair = make_pair(self.folder)
        flags = {"--hostname": "0.0.0.0", "--tls-cert": pair.cert, "--tls-key": pair.key}
        return self._house("secured", (), flags, {})

    @cached_property
    def atelier(self) -> Path:
        """Return the directory of a project that the router runs."""
        return self.make("atelier")

    @cached_property
    def kiosk(self) -> Path:
        """Return the directory of another one."""
        return self.make("kiosk")

    @cached_property
    def cable(self) -> Network:
        """Return the way to another machine."""
        return self._end.enter_context(network())

    @cached_property
    def town(self) -> Town:
        """Return a LAN with a router that tells its names."""
        return self._end.enter_context(town(self.folder / "town"))

    @cached_property
    def here(self) -> Seat:
        """Return the user's own seat."""
        return self._end.enter_context(seat())

    @cached_property
    def stranger(self) -> Seat:
        """Return the seat of another user of this machine."""
        return self._end.enter_context(strangers_seat())

    @cached_property
    def abroad(self) -> Seat:
        """Return the seat at another machine."""
        return self._end.enter_context(seat(self.cable.command()))

    def make(self, name: str) -> Path:
        """Make the directory of a project."""
        directory = self.folder / name
        directory.mkdir()
        return directory

    def far(self, house: House) -> Address:
        """Return how the other machine reaches a router."""
        return (self.cable.here, house.port)

    def received(self, project: Path, marker: str = "") -> list[Received]:
        """Return what a project's server got, with ``marker`` in its target."""
        return [one for one in recorder.received(project) if marker in one.target]

    @contextmanager
    def server(self, directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server as a user does by hand, without a password."""
        command = [
            str(self._path / "opencode"),
            "serve",
            "--hostname",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        with subprocess.Popen(
            command, cwd=directory, env=self._environment("hand"), stdout=subprocess.DEVNULL
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _house(
        self,
        name: str,
        projects: tuple[Path, ...],
        flags: Mapping[str, object],
        more: Mapping[str, str],
    ) -> House:
        home = self.folder / name
        home.mkdir(mode=0o755)
        state, access = home / "state", home / "access.log"
        environment = self._environment(name) | {"OCR_STATE_DIR": str(state), **more}
        every = {"--username": OWNER, "--access-log": access, **flags}
        running = self._end.enter_context(
            router(
                projects,
                environment=environment,
                log=home / "log",
                flags=every,
                ready=bool(projects),
            )
        )
        environment["OCR_PORT"] = str(running.port)
        return House(running, state, access, environment)

    def _environment(self, name: str) -> dict[str, str]:
        ours = ("OCR_", "XDG_", "OPENCODE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return kept | {"HOME": str(self.folder / name), "PATH": f"{self._path}:{kept['PATH']}"}
