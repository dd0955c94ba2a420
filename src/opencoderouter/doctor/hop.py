"""The hops between a client and a project, and what is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opencoderouter.doctor.lookup import Looked
from opencoderouter.doctor.target import Target


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop. It failed where there is a ``why``, the reason; ``mend`` is what helps then.

    ``seen`` is what was found; it took ``seconds``, where that was measured.
    """

    name: str
    seen: str
    why: str = ""
    mend: str = ""
    seconds: float | None = None

    @property
    def ok(self) -> bool:
        """Tell whether one gets past this hop."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection that was made to one address, after the ones in ``failed``."""

    address: str
    seconds: float
    failed: tuple[NotConnected, ...] = ()


@dataclass(frozen=True, slots=True)
class NotConnected:
    """Why there is no connection to an address.

    ``kind`` is ``refused``, ``timeout``, ``unreachable`` or ``other``; ``reason`` in words.
    """

    address: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """An HTTP answer; ``body`` is its JSON, None where there is none; ``server`` its own name."""

    status: int
    body: object = None
    server: str = ""
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """Return the word for programs of a refusal of a router, or nothing."""
        return self.words[0]

    @property
    def words(self) -> tuple[str, str, str]:
        """Return ``error``, ``detail`` and ``hint`` of a refusal of a router, or nothing thrice."""
        body = self.body
        names = ("error", "detail", "hint")
        if self.status < 400 or not isinstance(body, Mapping):  # noqa: PLR2004 - HTTP
            return ("", "", "")
        error, detail, hint = (body.get(name) for name in names)
        if isinstance(error, str) and isinstance(detail, str) and isinstance(hint, str):
            return error, detail, hint
        return ("", "", "")


@dataclass(frozen=True, slots=True)
class Silent:
    """Why no answer came. ``untrusted``: it was the certificate."""

    reason: str
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class Secured:
    """A TLS handshake went well. ``doubt``: why others would not trust the own certificate."""

    version: str
    seconds: float
    doubt: str = ""


class Wire(Protocol):
    """How hops are looked at. Nothing is raised; each call ends within bounded time."""

    def look_up(self, host: str) -> Looked:
        """Look a name up, as programs of this machine do."""
        ...

    def connect(self, addresses: Sequence[str], port: int) -> Connected | list[NotConnected]:
        """Connect to the first of these addresses that takes it; says why each other did not."""
        ...

    def secure(self, address: str, target: Target) -> Secured | Silent:
        """Make a TLS handshake with the router at ``address``, as for ``target``."""
        ...

    def ask(
        self, address: str, target: Target, path: str, *, host: str, show: bool = False
    ) -> Said | Silent | None:
        """Ask for ``path`` as ``host`` (a Host field), and follow nothing.

        With ``show`` a secret of the user is shown: only to their own router on this machine, on
        the very connection that was looked at. None when it is not, or there is none.
        """
        ...
