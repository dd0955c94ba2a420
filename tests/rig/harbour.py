"""SSH servers for the fleet's links: one that is real, and some that hang at each stage."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from paramiko import Ed25519Key, PKey, ServerInterface, Transport
from tests.rig.sshd import Sshd

from opencoderouter.core.fleet.preferences import Polling, Ssh
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Hanging:
    """A server that takes connections and does not let anybody in. ``ended``: a client has gone."""

    port: int
    begun: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class Harbour:
    """Client configurations for a real server. ``short`` is a folder for sockets."""

    def __init__(self, sshd: Sshd, short: Path) -> None:
        self.sshd, self.short = sshd, short
        self._number = 0

    def config(self, text: str = "") -> Path:
        """Return a new configuration: every host is the server, ``text`` comes first."""
        self._number += 1
        path = self.sshd.folder / f"fleet-{self._number}"
        lines = {
            "HostName": "127.0.0.1",
            "Port": self.sshd.port,
            "IdentityFile": self.sshd.folder / "key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.sshd.folder / "known_hosts",
            "GlobalKnownHostsFile": "none",
            "UpdateHostKeys": "no",
        }
        common = "".join(f"    {key} {value}\n" for key, value in lines.items())
        path.write_text(f"{text}\nHost *\n{common}")
        return path

    def links(self, text: str = "", **more: object) -> FleetLinks:
        """Return links with a configuration of that text, and these settings of ``Ssh``."""
        config = str(self.config(text))
        settings = {"control_path": f"{self.short}/%C", "connect_timeout": 5.0, **more}
        ssh = Ssh(config=config, **settings)  # type: ignore[arg-type]
        return FleetLinks(ssh, Polling(), Resolver(config).one)

    def trust(self, port: int, key: PKey) -> None:
        """Make the key of another server known."""
        with (self.sshd.folder / "known_hosts").open("a") as file:
            file.write(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")


@contextmanager
def harbour(sshd: Sshd) -> Iterator[Harbour]:
    """Give a real server its clients."""
    short = Path(tempfile.mkdtemp(prefix="h"))
    try:
        yield Harbour(sshd, short)
    finally:
        shutil.rmtree(short)


@contextmanager
def silent(words: bytes = b"") -> Iterator[Hanging]:
    """Run a server that says ``words`` and nothing after them."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as end:
        hanging = Hanging(server.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    one, _ = server.accept()
                    end.callback(one.close)
                    threading.Thread(target=hold, args=(one,), daemon=True).start()

        def hold(one: socket.socket) -> None:
            with suppress(OSError):
                one.sendall(words)
                hanging.begun.set()
                while one.recv(4096):
                    pass
            hanging.ended.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield hanging
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Undecided(ServerInterface):
    """Never says whether somebody may come in."""

    def __init__(self, hanging: Hanging, over: threading.Event) -> None:
        self._hanging, self._over = hanging, over

    def check_auth_none(self, username: str) -> int:
        del username
        self._hanging.begun.set()
        self._over.wait()
        return 2  # AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"


@contextmanager
def undecided(harbour: Harbour) -> Iterator[Hanging]:
    """Run a server that exchanges keys, and never answers a login."""
    key = Ed25519Key.from_private_key_file(str(harbour.sshd.folder / "host_key"))
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        hanging = Hanging(server.getsockname()[1])
        harbour.trust(hanging.port, key)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    one, _ = server.accept()
                    transport = Transport(one)
                    transport.add_server_key(key)
                    transport.start_server(threading.Event(), _Undecided(hanging, over))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield hanging
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
