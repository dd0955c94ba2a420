"""The keyring of now: from the settings and the files of the state directory, as they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from opencoderouter import private
from opencoderouter.access.logins import LoggedOut
from opencoderouter.access.secrets import SHORTEST, SecretFile, Secrets
from opencoderouter.access.tokens import TokenFile
from opencoderouter.core.keyring import Auth, Keyring, Token, digest
from opencoderouter.private import Refused, Stamp
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)
_OFTEN = 0.5  # seconds between two looks at the files
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the keyring comes from.

    ``password`` is the user's own, else the first line of ``password_file`` is, else one is drawn.
    ``secure`` and ``port`` are the keyring's.
    """

    state_dir: Path
    auth: Auth = "auto"
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    secure: bool = False
    port: int = 8080

    @property
    def secrets(self) -> SecretFile:
        """Return the file of the password that is drawn, and of the key."""
        return SecretFile(self.state_dir / "secrets.json")

    @property
    def tokens(self) -> TokenFile:
        """Return the file of the tokens."""
        return TokenFile(self.state_dir / "tokens.json")

    def effective(self) -> str:
        """Return the password that holds; drawn now if need be.

        Raises Refused (Damaged, NotPrivate), or OSError.
        """
        return self._own() or self.secrets.load().password

    def judged(self, drawn: Secrets) -> Secrets:
        """Return the secrets that hold: a password of the user's own beats the one drawn."""
        return replace(drawn, password=self._own() or drawn.password)

    def _own(self) -> str | None:
        if self.password is not None or self.password_file is None:
            return self.password
        try:
            line = private.read_given(self.password_file).decode().partition("\n")[0].rstrip("\r")
        except ValueError:
            raise Refused(self.password_file, "is no text (UTF-8)") from None
        if len(line) < SHORTEST:
            raise Refused(self.password_file, f"has no first line of {SHORTEST} characters or more")
        return line


@dataclass(frozen=True, slots=True)
class _Known:
    """What the files said last. ``ended`` are sessions that were logged out, by id."""

    secrets: Secrets
    tokens: tuple[Token, ...] = ()
    ended: Mapping[str, float] = field(default_factory=dict)


class Keys:
    """Builds the keyring, and a new one within a second when a file has changed.

    ``clock`` returns POSIX seconds. Raises Refused or OSError when there is no password or no key
    to begin with; later what cannot be read stays as it was, but for tokens: when their file is
    damaged or not ours alone, none holds. Both are logged.
    """

    def __init__(self, sources: Sources, clock: Callable[[], float]) -> None:
        self._sources, self._clock = sources, clock
        self._logins = LoggedOut(sources.state_dir / "logged-out.json")
        self._unsaved: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._stamps: list[Stamp | None] = []
        self._complaints: dict[str, set[str]] = {}  # by what was attempted
        self._known = _Known(Secrets("", b""))
        if sources.auth != "off":
            self._stamps = self._look()
            self._known = _Known(sources.judged(sources.secrets.load()), ended=self._logins.load())
            self._known = self._read(self._known)
        self.watch = Watch(self._keyring())

    async def run(self) -> None:
        """Service: notice changes, and save who has logged out, until cancelled."""
        try:
            while self._sources.auth != "off":
                await self._pause()
                await self._save()
                await self._follow()
        finally:
            if self._unsaved:
                self._logins.add(self._unsaved, self._clock())

    def log_out(self, session: str, expires: float) -> None:
        """End a login session, at once; ``expires`` is when it would have ended."""
        self._unsaved[session] = expires
        self._publish(self._known)
        self._wake.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_OFTEN):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _save(self) -> None:
        unsaved = dict(self._unsaved)
        if not unsaved:
            return
        try:
            await asyncio.to_thread(self._logins.add, unsaved, self._clock())
        except OSError as error:
            self._complain("save", {f"logouts not saved error={error}"})
            return
        self._complain("save", set())
        self._known = replace(self._known, ended={**self._known.ended, **unsaved})
        for session in unsaved:
            self._unsaved.pop(session, None)

    async def _follow(self) -> None:
        stamps = await asyncio.to_thread(self._look)
        if stamps != self._stamps:
            self._stamps = stamps  # of before: what changes while it is read is read again
            self._publish(await asyncio.to_thread(self._read, self._known))

    def _look(self) -> list[Stamp | None]:
        paths = [self._sources.secrets.path, self._sources.tokens.path, self._logins.path]
        given = self._sources.password_file
        return [private.stamp(path) for path in ([*paths, given] if given else paths)]

    def _read(self, before: _Known) -> _Known:
        """Return what the files say now; what cannot be read is as before."""
        sources, wrong = self._sources, set[str]()

        def attempt(read: Callable[[], T], otherwise: T, refused: T) -> T:
            try:
                return read()
            except OSError as error:
                wrong.add(f"not read error={error}")
                if isinstance(error, Refused):
                    return refused
                self._stamps = []  # it may have been a moment without file descriptors
                return otherwise

        secrets = attempt(
            lambda: sources.judged(sources.secrets.read()), before.secrets, before.secrets
        )
        tokens = attempt(sources.tokens.load, before.tokens, ())
        ended = attempt(self._logins.load, before.ended, before.ended)
        self._complain("read", wrong)
        return _Known(secrets, tokens, ended)

    def _complain(self, attempt: str, wrong: set[str]) -> None:
        """Log what goes wrong now and did not the last time."""
        for what in sorted(wrong - self._complaints.get(attempt, set())):
            _log.error("%s", what)
        self._complaints[attempt] = wrong

    def _publish(self, known: _Known) -> None:
        self._known = known
        keyring = self._keyring()
        if keyring != self.watch.value:
            self.watch.set(keyring)

    def _keyring(self) -> Keyring:
        sources, known, now = self._sources, self._known, self._clock()
        ended = {**known.ended, **self._unsaved}
        return Keyring(
            auth=sources.auth,
            password=digest(known.secrets.password) if known.secrets.password else b"",
            key=known.secrets.key,
            tokens=MappingProxyType({token.digest: token for token in known.tokens}),
            revoked=frozenset(name for name, expires in ended.items() if now < expires),
            secure=sources.secure,
            port=sources.port,
        )
