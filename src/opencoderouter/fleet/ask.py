"""One probe of a host: a script there, then its servers, then a report."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace

from opencoderouter.core.fleet.answer import Told, read_answer
from opencoderouter.core.fleet.model import Failure, HostSpec, HostState, Report, Unreached
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.transport import Completed, Link
from opencoderouter.fleet.live import look
from opencoderouter.fleet.script import COMMAND, Wanted, script

_MOST = 8 << 20  # octets; the script's own bounds are below, what a profile prints is not bounded
_LAST = 1.0  # seconds at the end that are the servers'
_LEAST = 0.5  # seconds that are worth beginning to ask servers
_FORGET = 600.0  # seconds
_REASON = 200


class Asker:
    """Asks hosts, and keeps of each what need not be told again: versions and sessions.

    OpenCode takes a host a second for either, so it is started there only where its file, or what
    its database holds, has changed; every ten minutes all is asked, since a version manager may
    change the version behind a file that stays. ``clock`` gives seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known = dict[str, tuple[float, Told]]()  # by alias: since when, and what

    async def ask(self, link: Link, host: HostSpec, preferences: Preferences) -> Report:
        """Ask a host everything; takes ``polling.timeout`` seconds at most. Changes nothing there.

        A part that fails is a ``Failure`` of the report; only a host that runs no script for us at
        all is not reached. What sessions do is asked each time.
        """
        began = asyncio.get_running_loop().time()
        done, told = await self._run(link, host, preferences)
        left = began + preferences.polling.timeout - asyncio.get_running_loop().time()
        if told is None:
            report = _silent(done)
        else:
            if isinstance(done, Unreached):  # in the midst of it
                told = replace(told, failures=(*told.failures, Failure("host", done.reason)))
            report = await _looked(link, told, self._clock(), left)
        took = asyncio.get_running_loop().time() - began
        return replace(
            report, at=self._clock(), took=took, via=link.via, via_reason=link.via_reason
        )

    async def _run(
        self, link: Link, host: HostSpec, preferences: Preferences
    ) -> tuple[Completed | Unreached, Told | None]:
        """Run the script; return what became of it, and what it has told."""
        since, known = self._memory(host.alias)
        nonce, heard = secrets.token_hex(16), _Heard()
        text = script(_wanted(host, preferences, known), nonce)
        limit = preferences.polling.timeout
        within = max(limit - _LAST, limit / 2)
        done = await link.run(COMMAND, stdin=text, within=within, on_output=heard.take)
        # Megabytes take a second, in which the other hosts are not to wait.
        told = await asyncio.to_thread(read_answer, bytes(heard.output), nonce, known)
        if told is not None:
            self._known[host.alias] = since, told.lasting
        return done, told

    def _memory(self, alias: str) -> tuple[float, Told]:
        now = self._clock()
        since, known = self._known.get(alias, (now, Told()))
        return (since, known) if 0 <= now - since < _FORGET else (now, Told())


class _Heard:
    """Keeps what comes, also of a command that does not come to its end."""

    def __init__(self) -> None:
        self.output = bytearray()

    def take(self, piece: bytes) -> None:
        if len(self.output) < _MOST:
            self.output += piece


def _wanted(host: HostSpec, preferences: Preferences, known: Told) -> Wanted:
    return Wanted(
        # The host ends what is late within a second, and sends what it has before we leave.
        seconds=max(1, int(preferences.polling.timeout - _LAST) - 1),
        opencode_path=host.opencode_path,
        scan_paths=host.scan_paths or preferences.sessions.scan_paths,
        use_db=preferences.sessions.enrich_from_db,
        known=known.marks,
    )


def _silent(done: Completed | Unreached) -> Report:
    """Return the report of a host that has not run the script."""
    if isinstance(done, Unreached):
        return Report(
            done.state,
            0.0,
            reason=done.reason,
            how=done.how,
            mend=done.mend,
            blocked_by=done.blocked_by,
        )
    said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    last = said.splitlines()[-1].strip()[:_REASON] if said else f"exit code {done.code}"
    return Report(HostState.ERROR, 0.0, reason=f"its shell ran no script for us: {last}")


def _may_have(told: Told) -> bool:
    """Tell whether the program is there, or nobody knows because that part has failed."""
    return bool(told.program) or any(failure.part == "opencode" for failure in told.failures)


async def _looked(link: Link, told: Told, now: float, left: float) -> Report:
    """Return the report of a host that has told, after its servers were asked as well."""
    servers = tuple(place.server for place in told.places if not place.is_router)
    report = Report(
        HostState.ONLINE if servers or _may_have(told) else HostState.NO_OPENCODE,
        now,
        system=told.system,
        program=told.program,
        version=told.version,
        servers=servers,
        sessions=told.sessions,
        load=told.load,
        failures=told.failures,
    )
    if not told.places:
        return report
    if left < _LEAST:
        late = Failure("live", "no time was left to ask the servers")
        return replace(report, failures=(*told.failures, late))
    seen = await look(link, told, now=now, within=left)
    return replace(
        report,
        servers=seen.servers,
        router=seen.router,
        sessions=seen.sessions,
        failures=(*told.failures, *seen.failures),
    )
