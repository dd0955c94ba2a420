"""What is known of the backends of a run: who served where, who is up, and what that excuses."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.rig.proof import Proof

SETTLE = 2.0  # seconds after its server began to listen in which a project may still be down
SHOWN = 20


@dataclass
class Ledger:
    """Keeps the book. ``steady`` projects are up all the time: nothing excuses an error of theirs.

    ``wrong`` are the first answers that should not have been; ``slowest`` is the longest time in
    seconds after which a server that listened was still said to be down.
    """

    steady: frozenset[str] = frozenset()
    done: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    wrongs: int = 0
    slowest: float = 0.0
    _boots: dict[str, tuple[str, int]] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)  # project: it has listened since

    def begins(self, boot: str, project: str, port: int) -> None:
        """Take down where a server is about to listen."""
        self._boots[boot] = (project, port)

    def up(self, project: str) -> None:
        """Take down that a project's server listens."""
        self._since[project] = time.monotonic()

    def down(self, project: str) -> None:
        """Take down that it is about to end."""
        self._since.pop(project, None)

    def belongs(self, proof: Proof, project: str, peer: str, request: str) -> bool:
        """Tell whether an answer is this project's to this client's request."""
        given = (proof.project, proof.peer, proof.request)
        server = self._boots.get(proof.boot)
        return given == (project, peer, request) and server == (project, proof.port)

    def excuses(self, projects: Iterable[str], began: float) -> bool:
        """Tell whether one of these projects was down in the time since ``began``, or just before.

        Where that was needed, the time it took to settle is taken down.
        """
        ages = [self._age(project, began) for project in projects]
        if min(ages) > 0:
            self.slowest = max(self.slowest, min(*ages, SETTLE))
        return min(ages) <= SETTLE

    def _age(self, project: str, began: float) -> float:
        """Return for how long a project had listened when a request began; 0 if it was down."""
        if project in self.steady:
            return math.inf
        since = self._since.get(project)
        return 0.0 if since is None else max(0.0, began - since)

    def blame(self, what: str) -> None:
        """Take down a wrong answer."""
        self.wrongs += 1
        if len(self.wrong) < SHOWN:
            self.wrong.append(what)
