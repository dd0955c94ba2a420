"""What ssh makes of a host: ``ssh -G``, the only judge of what the name of one means."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from opencoderouter.core.fleet.model import HostState, Resolved, Unreached
from opencoderouter.core.fleet.select import refusal
from opencoderouter.fleet import ssh_config

_log = logging.getLogger(__name__)
SYSTEM = Path("/etc/ssh/ssh_config")
_AT_ONCE = 8  # processes
_WITHIN = 5.0  # seconds for one of them; a `Match exec` can hang
_SHIFTING = 60.0  # seconds that an answer is good for where a `Match exec` was asked
_GLANCE = 1.0  # seconds for which the files are taken to be as they were
_NOISE = "Pseudo-terminal will not be allocated"

Answer = Resolved | Unreached
_Stamp = tuple[object, ...]


def config_path(config: str) -> Path:
    """Return the file that ``Ssh.config`` names; ssh's own where it names none."""
    return Path(config).expanduser() if config else ssh_config.home() / ".ssh/config"


class Resolver:
    """Asks ``ssh -G``, and keeps the answers until a file that they came from changes.

    ``config`` is the file of ``ssh -F``, "" for ssh's own. Failures are not kept.
    """

    def __init__(self, config: str = "", *, program: str = "ssh", within: float = _WITHIN) -> None:
        self._config = str(config_path(config)) if config else ""
        self._program, self._within = program, within
        self._known: dict[str, Resolved] = {}
        self._stamp: _Stamp = ()
        self._until = float("inf")  # on the clock of the loop
        self._looked = float("-inf")  # likewise
        self._looking = asyncio.Lock()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._asking: dict[str, asyncio.Lock] = {}

    async def resolve(self, aliases: Iterable[str]) -> dict[str, Answer]:
        """Return what each host is now, or why that is not known: whatever ``ssh`` takes for one.

        ``host``, ``user@host`` and ``ssh://user@host:port`` will do.
        """
        await self._refresh()
        names = tuple(dict.fromkeys(aliases))
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(self._one(name), name="ssh -G") for name in names}
        return {name: task.result() for name, task in tasks.items()}

    async def one(self, alias: str) -> Answer:
        """Return what one host is, as the files were a second ago at most."""
        async with self._looking:
            if asyncio.get_running_loop().time() - self._looked >= _GLANCE:
                await self._refresh()
        return self._known.get(alias) or await self._one(alias)

    async def _refresh(self) -> None:
        """Forget the answers if a file has changed since they came."""
        stamp, shifting = await asyncio.to_thread(_look, self._config)
        now = self._looked = asyncio.get_running_loop().time()
        if stamp != self._stamp or now >= self._until:
            self._known.clear()
            self._stamp = stamp
            self._until = now + _SHIFTING if shifting else float("inf")

    async def _one(self, alias: str) -> Answer:
        if reason := refusal(alias):
            return Unreached(HostState.ERROR, f"ssh takes no such host: {reason}")
        async with self._asking.setdefault(alias, asyncio.Lock()):
            if alias in self._known:
                return self._known[alias]
            stamp = self._stamp
            async with self._room:
                answer = await self._ask(alias)
            if isinstance(answer, Resolved) and stamp == self._stamp:
                self._known[alias] = answer
            return answer

    async def _ask(self, alias: str) -> Answer:
        file = ("-F", self._config) if self._config else ()
        command = (self._program, "-G", *file, "--", alias)
        # Files, not pipes: what a `Match exec` leaves behind may hold its stderr open.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                code = await self._run(command, output, errors)
            except FileNotFoundError:
                return Unreached(HostState.ERROR, "there is no ssh on this machine")
            except OSError as error:
                return Unreached(HostState.ERROR, f"ssh cannot be started: {error.strerror}")
            said, complaint = (_text(file) for file in (output, errors))
        shown = (shlex.join(command),)
        if code is None:
            reason = f"`ssh -G` did not end within {self._within:g} s"
            return Unreached(HostState.ERROR, reason, mend=shown)
        if code != 0:
            return Unreached(HostState.ERROR, _complaint(complaint), mend=shown)
        return parsed(alias, said) or Unreached(
            HostState.ERROR, "`ssh -G` tells no host name and port", mend=shown
        )

    async def _run(
        self, command: tuple[str, ...], output: IO[bytes], errors: IO[bytes]
    ) -> int | None:
        """Return the exit code; None when it took too long. Nothing of it runs on."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._within):
                return await process.wait()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:  # what a `Match exec` has started may stay otherwise
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def parsed(alias: str, text: str) -> Resolved | None:
    """Return what ``ssh -G`` has printed; None if that is no host."""
    options: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        keyword, _, value = line.partition(" ")
        options[keyword.lower()] = (*options.get(keyword.lower(), ()), value)
    hostname, port = (options.get(key, ("",))[0] for key in ("hostname", "port"))
    if not hostname or not port.isdecimal():
        return None
    jumps, command = (options.get(key, ("none",))[0] for key in ("proxyjump", "proxycommand"))
    return Resolved(
        alias,
        hostname,
        options.get("user", ("",))[0],
        int(port),
        jumps=tuple(jumps.split(",")) if jumps != "none" else (),
        proxy_command=command if command != "none" else "",
        options=options,
    )


def _look(config: str) -> tuple[_Stamp, bool]:
    """Return what tells one state of the files from another, and whether that is not all."""
    read = [ssh_config.aliases(config_path(config), ssh_config.home())]
    if not config:  # with a file of its own, ssh does not read that of the machine
        read.append(ssh_config.system(SYSTEM))
    stamps = tuple(_file_stamp(path) for one in read for path in one.files)
    return stamps, any(one.shifting for one in read)


def _file_stamp(path: Path) -> tuple[object, ...]:
    try:
        now = path.stat()
    except OSError:
        return (path,)
    return (path, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="surrogateescape")


def _complaint(errors: str) -> str:
    """Return the first line of what ssh has to say: the later ones sum up."""
    lines = (line.strip() for line in errors.splitlines())
    said = next((line for line in lines if line and not line.startswith(_NOISE)), "")
    return f"ssh does not take its configuration: {said}" if said else "`ssh -G` failed"
