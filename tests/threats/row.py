"""One line of the threat model, and what shows that it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.threats.world import World

Need = Literal["stranger", "network", "lan"]


@dataclass(frozen=True, slots=True)
class Row:
    """``who`` comes ``origin`` (from where) and ``wants`` something; ``does`` tries, and fails.

    These three are the words of SECURITY.md. ``needs`` are who must be had on this machine.
    """

    id: str
    who: str
    origin: str
    wants: str
    does: Callable[[World], None]
    needs: tuple[Need, ...] = ()
