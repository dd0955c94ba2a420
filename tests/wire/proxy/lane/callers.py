"""Who comes to a lane: secrets that let people in, and doors that say what a test has them say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import MappingProxyType

from tests.rig.entry import NOW
from tests.wire.proxy.through import LONG

from opencoderouter.core.grant import Caller
from opencoderouter.core.keyring import Keyring, Token, digest
from opencoderouter.proxy.context import Address

PASSWORD, ONE, OTHER, BRIEF = "correct-horse-battery", "ocrt_one", "ocrt_other", "ocrt_brief"
LASTS = 60.0  # seconds, of the brief one
FREE = Caller("127.0.0.1", 1000, free=True)
STRANGER = Caller("127.0.0.1", 1001)
_TOKENS = (
    Token("1", "one", digest(ONE).hex(), 0.0),
    Token("2", "other", digest(OTHER).hex(), 0.0),
    Token("3", "brief", digest(BRIEF).hex(), 0.0, expires=NOW + LASTS),
)


def keyring(*gone: str, password: str = PASSWORD) -> Keyring:
    """Return what lets our own user in, the password, and all tokens but those that are gone."""
    left = {one.digest: one for one in _TOKENS if one.digest not in {digest(s).hex() for s in gone}}
    return Keyring("auto", digest(password), b"k" * 32, MappingProxyType(left))


def shown(secret: str) -> str:
    """Return the field that shows a secret."""
    return f"Authorization: Bearer {secret}"


class Doorman:
    """Says of everybody that it is ``caller``; while that is None, nothing until ``decide``."""

    def __init__(self, caller: Caller | None = None) -> None:
        self.caller = caller
        self._waiting: asyncio.Queue[Callable[[Caller], None]] = asyncio.Queue()

    def look(self, _: Address, __: Address, decided: Callable[[Caller], None]) -> Caller | None:
        """Return who it is, if that is known."""
        if self.caller is None:
            self._waiting.put_nowait(decided)
        return self.caller

    async def decide(self, caller: Caller) -> None:
        """Say who the one is that has waited for longest, as soon as somebody waits."""
        decided = await self.waiting()
        decided(caller)

    async def waiting(self) -> Callable[[Caller], None]:
        """Return what tells the one that has waited for longest who it is."""
        async with asyncio.timeout(LONG):
            return await self._waiting.get()

    async def run(self) -> None:
        """Have nothing to find out."""
        await asyncio.Event().wait()
