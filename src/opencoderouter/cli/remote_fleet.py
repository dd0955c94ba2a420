"""A fleet for the length of one command, and what is told of what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_signals import Ending, handling, let_go
from opencoderouter.core.fleet.control import Control, Failed, Outcome
from opencoderouter.core.fleet.fleet import NEEDED, Fleet
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.select import is_pattern, refusal
from opencoderouter.core.fleet.transport import Links
from opencoderouter.core.printable import printable
from opencoderouter.watch import Watch

if TYPE_CHECKING:
    from opencoderouter.cli.remote_options import Start
    from opencoderouter.cli.remote_start import Chosen
    from opencoderouter.preferences.problem import Reading
    from opencoderouter.preferences.reader import Reader

PARTIAL = 3  # exit code: some hosts were not reached
INTERRUPTED = 130
_FEW = 3  # hosts that have a line each


class Opened(Protocol):
    """A fleet that can be asked, as long as it is open."""

    @property
    def fleet(self) -> Watch[Fleet]:
        """Return what is known of the hosts."""

    @property
    def control(self) -> Control:
        """Return what can be done."""

    @property
    def links(self) -> Links:
        """Return how hosts are reached."""

    async def once(self) -> Fleet:
        """Ask every host once."""

    async def run(self) -> None:
        """Ask all of them again and again, until cancelled."""

    async def reread(self, reader: Reader, told: Callable[[tuple[str, ...]], object]) -> None:
        """Follow the file of the preferences, until cancelled; tell what is wrong with it."""


class Open(Protocol):
    """Makes a fleet of these preferences; ``given`` are hosts of the command line."""

    def __call__(
        self, preferences: Preferences, given: Sequence[str], *, exports: Path | None = None
    ) -> AbstractAsyncContextManager[Opened]:
        """Open it. Sessions that are deleted are exported to ``exports``, or the usual place."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a command does its work with. ``clock`` gives seconds since the epoch.

    ``reading`` is what was read of ``file`` when the command began.
    """

    opened: Opened
    reading: Reading
    clock: Callable[[], float]
    file: Reader

    @property
    def preferences(self) -> Preferences:
        """Return what the user prefers."""
        return self.reading.preferences

    @property
    def control(self) -> Control:
        """Return what can be done."""
        return self.opened.control

    async def asked(self) -> Fleet:
        """Ask all hosts once; what is wrong with ssh's configuration is told."""
        fleet = await self.opened.once()
        for problem in fleet.problems:
            say(problem)
        return fleet


Job = Callable[[Work], Coroutine[Any, Any, int]]


def reader(start: Chosen) -> Reader:
    """Return the file of the preferences. Raises Failure when a file that was named is none."""
    from opencoderouter.preferences.reader import Reader, default_path

    for option, name in (("--config", start.config), ("--ssh-config", start.ssh_config)):
        file = Path(name).expanduser()
        if name and not file.exists():
            raise Failure(f"{option} {printable(name)}: there is no such file", 2)
        if name and file.is_dir():
            raise Failure(f"{option} {printable(name)}: is a directory, not a file", 2)
    path = Path(start.config).expanduser() if start.config else default_path()
    return Reader(path, ssh_config=start.ssh_config)


def using(
    start: Start,
    job: Job,
    given: Sequence[str] | None = None,
    *,
    exports: Path | None = None,
    quiet: bool = False,
) -> int:
    """Do a job with a fleet, of ``given`` hosts only if there are any; return its exit code.

    These are aliases, patterns or USER@HOST. Raises Failure when none is meant by them.
    What is wrong with the configuration is told, unless ``quiet``.
    """
    hosts = hosts_of(given)
    log(start)
    file = reader(start)
    reading = file.read()
    for problem in () if quiet else reading.problems:
        say(str(problem))

    async def work(ending: Ending) -> int:
        async with start.open(reading.preferences, hosts, exports=exports) as opened:
            if hosts and not opened.fleet.value.entries:
                raise Failure(f"{printable(' '.join(hosts))}: there is no such host", 2)
            return await ending.guard(job(Work(opened, reading, start.clock, file)))

    return run(work)


def run(work: Callable[[Ending], Coroutine[Any, Any, int]]) -> int:
    """Run to the end and return the exit code.

    What the first signal ends is for ``work`` to say; all that it opened is closed then, too.
    """
    ending = Ending()

    async def main() -> int:
        loop = asyncio.get_running_loop()

        def received(number: int, _: object) -> None:
            if number == signal.SIGHUP:
                let_go()
            loop.call_soon_threadsafe(ending.received, number)

        with handling(received):
            return await work(ending)

    code = asyncio.run(main())
    if ending.number == signal.SIGINT and code == INTERRUPTED:
        say("interrupted")
    return code


def log(start: Chosen) -> None:
    """Have a log. One that was named must be there; else it is only told that there is none."""
    from opencoderouter.cli import remote_log

    path = Path(start.log_file).expanduser() if start.log_file else None
    try:
        remote_log.configure(path, debug=start.debug)
    except OSError as error:
        words = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        if path is not None:
            raise Failure(f"--log-file {printable(words)}") from None
        say(f"no log is written: {words}")


def hosts_of(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the hosts of a command line, each once. Raises Failure for what cannot be one."""
    hosts = tuple(dict.fromkeys(given or ()))
    for host in hosts:
        if reason := refusal(host):
            raise Failure(f"{printable(host)}: this is no host: {reason}", 2)
    return hosts


def see_one(host: str) -> None:
    """Raise Failure for what may be several hosts where one is wanted."""
    if is_pattern(host):
        raise Failure(f"{printable(host)}: must be one host", 2)


def say(text: str) -> None:
    """Tell a person something, on stderr."""
    sys.stderr.write(f"ocr: {printable(text)}\n")


def put(text: str) -> bool:
    """Print data on stdout, whatever the terminal can show; tell whether anybody reads it."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
        return False
    return True


def hush() -> None:
    """Let nothing more be said on stdout: nobody reads there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def told(outcome: Outcome) -> int:
    """Tell what came of an action; return the exit code. What came of it is data."""
    if isinstance(outcome, Failed):
        return failed(outcome)
    say(outcome.summary)
    if outcome.value:
        put(printable(outcome.value))
    return 0


def failed(outcome: Failed) -> int:
    """Tell why something was not done, all of it, and what mends it."""
    say(outcome.summary)
    lines = [*outcome.detail.splitlines(), *(f"mend: {command}" for command in outcome.mend)]
    for line in lines:
        sys.stderr.write(f"  {printable(line)}\n")
    return 1


def unread(fleet: Fleet) -> int:
    """Tell what could not be read, host or part; return PARTIAL if there is any."""
    missing = [
        (alias, failure)
        for alias, entry in fleet.entries.items()
        for failure in (entry.report.failures if entry.report is not None else ())
        if failure.part in NEEDED
    ]
    for alias, failure in missing:
        say(f"{alias}: {failure.part} could not be read: {failure.reason}")
    return unreached(fleet) or (PARTIAL if missing else 0)


def unreached(fleet: Fleet) -> int:
    """Tell which hosts were not reached; return PARTIAL if there are any."""
    missing = [
        (alias, entry.report)
        for alias, entry in fleet.entries.items()
        if entry.report is not None and not entry.report.reached
    ]
    if len(missing) > _FEW:
        names = ", ".join(alias for alias, _ in missing)
        say(f"{len(missing)} hosts were not reached (`ocr hosts` says why): {names}")
    else:
        for alias, report in missing:
            say(f"{alias}: {report.reason or report.state}")
    return PARTIAL if missing else 0


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of several: 1 goes before 3, that before 0."""
    found = set(codes)
    return next((code for code in (1, PARTIAL) if code in found), 0)
