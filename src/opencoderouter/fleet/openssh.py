"""A host over the system's ``ssh``: processes, which share a connection (ControlMaster)."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved, Unreached
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.core.fleet.transport import Completed, NotForwarded, Stream
from opencoderouter.fleet import keyfile, process, stdio, verdict
from opencoderouter.fleet.attempts import Attempts
from opencoderouter.fleet.process import Command
from opencoderouter.fleet.verdict import Mends

SESSIONS = 10  # commands at once over one connection: MaxSessions of sshd_config(5)
_NO_MASTER = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
# What a configuration may say that makes of a command something else. OpenSSH before 8.7 knows none
# of it, and takes no word that it does not know: `ssh -G` prints those that it does.
_AS_COMMAND = (("ForkAfterAuthentication", "no"), ("SessionType", "default"), ("StdinNull", "no"))
_LONGEST = 104 - 1 - 17  # sun_path of the smallest system; ssh adds 17 while it makes the socket
_HASH = "x" * 40  # as long as what %C stands for
_FAILED = 255  # exit code of ssh where it is not the command's


@dataclass(frozen=True, slots=True)
class Setting:
    """What the links of a fleet share. ``starts`` limits the logins at one server."""

    ssh: Ssh
    folder: Path  # for logs of ssh, which are read and removed at once
    starts: Callable[[object], asyncio.Semaphore]


def environment() -> dict[str, str]:
    """Return what ``ssh`` runs with: its messages are read."""
    return {**os.environ, "LC_ALL": "C"}


def command(ssh: Ssh) -> list[str]:
    """Return ``ssh`` with the configuration that is to be used."""
    return ["ssh", *(("-F", str(Path(ssh.config).expanduser())) if ssh.config else ())]


def control_path(ssh: Ssh, alias: str) -> str:
    """Return ControlPath for a host, or nothing: there is to be none, or it would be too long."""
    path = str(Path(ssh.control_path).expanduser())
    longest = path.replace("%C", _HASH).replace("%n", alias).replace("%%", "%")
    fits = len(os.fsencode(longest)) <= _LONGEST
    return path if ssh.control_master != "no" and path != "none" and fits else ""


def login(ssh: Ssh, alias: str, path: str) -> list[str]:
    """Return what a person runs to log in once, for all that comes after it."""
    persist = max(1, math.ceil(ssh.control_persist))
    kept = (("ControlMaster", "yes"), ("ControlPath", path), ("ControlPersist", f"{persist}"))
    return [*command(ssh), *_words(kept), "-N", "-f", "--", alias]


class OpensshLink:
    """One host. Its connection is made by a process of its own, which ssh leaves behind."""

    def __init__(self, alias: str, setting: Setting) -> None:
        self._alias, self._setting = alias, setting
        self._path = control_path(setting.ssh, alias)
        self._socket: Path | None = None  # what ssh makes of the path
        self._made = False
        self._lent = False  # the connection of somebody's own ssh is used
        self._prohibited = False
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._attempts = Attempts[bool, Unreached]()

    async def run(
        self, resolved: Resolved, mends: Mends, asked: Command, within: float
    ) -> Completed | Unreached:
        """Run a command, as ``core.fleet.transport.Link`` says. A signal's code is 255."""
        connecting = True
        try:
            async with asyncio.timeout(within):
                if (failure := await self._connected(resolved, mends)) is not None:
                    return failure
                connecting = False
                async with self._sessions:
                    done = await self._run(resolved, mends, asked)
                if isinstance(done, Unreached) and done.how:
                    self._lent = False  # it is over
                return done
        except TimeoutError:
            return _late(within, connecting=connecting)

    async def connect(
        self, resolved: Resolved, mends: Mends, address: tuple[str, int], within: float
    ) -> Stream | NotForwarded | Unreached:
        """Open a stream, as ``core.fleet.transport.Link`` says."""
        connecting = True
        try:
            async with asyncio.timeout(within):
                if (failure := await self._connected(resolved, mends)) is not None:
                    return failure
                connecting = False
                return await self._connect(resolved, mends, address)
        except TimeoutError:
            return _late(within, connecting=connecting)

    async def is_live(self, resolved: Resolved) -> bool:
        """Tell whether somebody has logged in, whose connection can be used.

        By the command that was shown, or by an ssh of their own, which keeps its connection where
        their configuration says (ControlPath).
        """
        if self._path:
            self._socket = self._socket or await self._expanded()
        for lent, socket in ((False, self._socket), (True, self._theirs(resolved))):
            self._lent = lent
            if socket is not None and socket.exists() and await self._answers():
                return True
        self._lent = False
        return False

    async def _answers(self) -> bool:
        argv = [*self._argv(self._masters()), "-O", "check", "--", self._alias]
        done = await process.run(argv, environment=environment())
        return isinstance(done, Completed) and done.code == 0

    async def close(self) -> None:
        """End the connection if it is ours."""
        if self._made:
            self._made = False
            argv = [*self._argv(self._masters()), "-O", "exit", "--", self._alias]
            await process.run(argv, environment=environment())

    def _theirs(self, resolved: Resolved) -> Path | None:
        path = resolved.first("controlpath", "none")
        return None if path == "none" or self._setting.ssh.control_master == "no" else Path(path)

    @property
    def _is_shared(self) -> bool:
        return bool(self._path) or self._lent

    def _masters(self) -> Sequence[str]:
        path = () if self._lent else ("-o", f"ControlPath={self._path}")
        return ("-o", "ControlMaster=no", *path)

    def _argv(self, more: Sequence[str]) -> list[str]:
        """Return ``ssh`` for programs: nobody is asked, nothing is forwarded by itself."""
        ssh = self._setting.ssh
        options = {
            "BatchMode": "yes" if ssh.batch_mode else "no",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "RequestTTY": "no",
            "Tunnel": "no",
            "UpdateHostKeys": "no",  # it would write keys that nobody has seen
        }
        return [*command(ssh), "-T", "-x", *_words(options.items()), *more]

    def _limited(self, resolved: Resolved) -> Sequence[str]:
        if resolved.first("connecttimeout", "none") != "none":
            return ()
        return ("-o", f"ConnectTimeout={math.ceil(self._setting.ssh.connect_timeout)}")

    async def _connected(self, resolved: Resolved, mends: Mends) -> Unreached | None:
        """Make the connection that the others share, if there is to be one."""
        theirs = self._theirs(resolved)
        self._lent = self._lent and theirs is not None and theirs.exists()
        if not self._path or self._lent:
            return None
        socket = self._socket = self._socket or await self._expanded()

        async def make() -> tuple[bool, None] | tuple[None, Unreached]:
            failure = await self._make(resolved, mends)
            if failure is None or (failure.how and await self.is_live(resolved)):
                return True, None
            return None, failure

        _, failure = await self._attempts.result(lambda: socket.exists() or None, make)
        return failure

    async def _expanded(self) -> Path:
        argv = [*command(self._setting.ssh), "-o", f"ControlPath={self._path}", "-G"]
        done = await process.run([*argv, "--", self._alias], environment=environment())
        lines = done.stdout.decode().splitlines() if isinstance(done, Completed) else []
        found = next((line for line in lines if line.startswith("controlpath ")), "")
        return Path(found.removeprefix("controlpath ") or self._path)

    async def _make(self, resolved: Resolved, mends: Mends) -> Unreached | None:
        socket = self._socket
        if socket is not None:
            socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = self._argv((*self._limited(resolved), "-o", "LogLevel=INFO"))
        words = login(self._setting.ssh, self._alias, self._path)
        argv = [*own, *words[len(command(self._setting.ssh)) :]]
        async with self._setting.starts(_server(resolved)):
            code, said = await self._started(argv)
            if code and (resolved.jumps or resolved.proxy_command):
                # one that goes to the background keeps to itself what is said on the way there
                return await self._run_alone(resolved, mends)
        self._made = not code
        return _verdict(said, resolved, mends) if code else None

    async def _run_alone(self, resolved: Resolved, mends: Mends) -> Unreached | None:
        alone = (*_NO_MASTER, *self._limited(resolved), *_as_command(resolved))
        argv = [*self._argv((*alone, "-o", "LogLevel=INFO")), "--", self._alias, "true"]
        done = await process.run(argv, environment=environment())
        if isinstance(done, Unreached) or done.code != _FAILED:
            return done if isinstance(done, Unreached) else None
        return _verdict(done.stderr.decode(errors="replace"), resolved, mends)

    async def _started(self, argv: Sequence[str]) -> tuple[int, str]:
        with tempfile.TemporaryFile(dir=self._setting.folder) as said:
            code = await process.launch(argv, environment(), said)
            return code, process.tail(said)

    async def _run(self, resolved: Resolved, mends: Mends, asked: Command) -> Completed | Unreached:
        shared = self._masters() if self._is_shared else (*_NO_MASTER, *self._limited(resolved))
        with tempfile.NamedTemporaryFile(dir=self._setting.folder) as log:
            # its own errors are not to be taken for the command's: both can end with 255
            level = "ERROR" if self._is_shared else "INFO"
            own = (*_as_command(resolved), "-o", f"LogLevel={level}", "-E", log.name)
            argv = [*self._argv((*shared, *own)), "--", self._alias, asked.line]
            try:
                done = await process.run(
                    argv, stdin=asked.stdin, environment=environment(), heard=asked.heard
                )
            except OSError as error:
                return verdict.broken(f"ssh cannot be started: {error.strerror}")
            said = process.tail(log)
        if isinstance(done, Completed) and done.code == _FAILED and said:
            stderr = done.stderr.decode(errors="replace")  # that of a jump host's ssh is in it
            return _verdict(f"{stderr}\n{said}", resolved, mends)
        return done

    async def _connect(
        self, resolved: Resolved, mends: Mends, address: tuple[str, int]
    ) -> Stream | NotForwarded | Unreached:
        if self._prohibited:
            return verdict.not_forwarded("prohibited")
        plainly = _as_command(resolved)
        if self._is_shared:
            stream, _ = await self._opened((*self._masters(), *plainly), address)
            if stream is not None:
                return stream
        # A master only says that it was refused; by itself, ssh says why.
        alone = (*_NO_MASTER, *self._limited(resolved), *plainly)
        async with self._setting.starts(_server(resolved)):
            stream, said = await self._opened(alone, address)
        if stream is not None:
            return stream
        if "open failed:" not in said:
            return _verdict(_without_debug(said), resolved, mends)
        answer = verdict.not_forwarded(said)
        self._prohibited = answer.prohibited
        return answer

    async def _opened(
        self, shared: Sequence[str], address: tuple[str, int]
    ) -> tuple[Stream, str] | tuple[None, str]:
        host, port = address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        argv = self._argv((*shared, "-o", "LogLevel=DEBUG2", "-W", where, "--", self._alias))
        return await stdio.opened(argv, environment())


def _words(options: Iterable[Sequence[str]]) -> list[str]:
    return [word for key, value in options for word in ("-o", f"{key}={value}")]


def _as_command(resolved: Resolved) -> list[str]:
    return _words(one for one in _AS_COMMAND if one[0].lower() in resolved.options)


def _verdict(text: str, resolved: Resolved, mends: Mends) -> Unreached:
    locked = [str(one.path) for one in keyfile.identities(resolved) if one.encrypted]
    return verdict.of_ssh(text, resolved, mends, locked)


def _without_debug(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("debug"))


def _late(within: float, *, connecting: bool) -> Unreached:
    return verdict.late("while connecting", within) if connecting else verdict.too_slow(within)


def _server(resolved: Resolved) -> object:
    """Return what tells apart the servers that see logins begin: the first on the way."""
    if resolved.jumps:
        return resolved.jumps[0]
    return resolved.proxy_command or (resolved.hostname, resolved.port)
