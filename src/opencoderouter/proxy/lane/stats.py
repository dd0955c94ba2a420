"""What one process counts while it serves. Adding is cheap; reading makes a plain value.

Projects are named by the table only, and errors by the router's own words: neither grows with
what clients send.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from opencoderouter.core.histogram import Distribution, Histogram

# Upper bounds in seconds.
LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_CLASSES = 10  # a status has three digits


class ProjectSnapshot(NamedTuple):
    """The figures of one project at one time.

    ``classes[2]`` is the number of answers with a status of 200 to 299, and so on; ``latency`` is
    of all of them, in seconds. ``bytes_in`` came from clients, ``bytes_out`` went to them.
    ``streams`` and ``tunnels`` are open now.
    """

    classes: tuple[int, ...]
    latency: Distribution
    bytes_in: int
    bytes_out: int
    streams: int
    tunnels: int


class Snapshot(NamedTuple):
    """All figures at one time: a plain value that can be pickled. ``connections`` are open now.

    ``lag`` is how much later than asked for the event loop ran what was due, in seconds.
    """

    accepted: int
    connections: int
    local: int
    forwards: int
    upstream_connects: int
    upstream_reused: int
    upstream_failed: int
    upstream_retried: int
    lag: Distribution
    errors: dict[str, int]
    projects: dict[str, ProjectSnapshot]


class ProjectStats:
    """The counts of one project. All but ``answered`` are added to directly.

    ``bytes_in`` come from clients, ``bytes_out`` go to them; ``streams`` and ``tunnels`` are the
    event streams and upgraded connections that are open now.
    """

    __slots__ = ("_classes", "_latency", "bytes_in", "bytes_out", "streams", "tunnels")

    def __init__(self) -> None:
        self._classes = [0] * _CLASSES
        self._latency = Histogram(LATENCY)
        self.bytes_in = self.bytes_out = self.streams = self.tunnels = 0

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer (its status, below 1000) and the seconds until its head was there."""
        self._classes[status // 100] += 1
        self._latency.observe(seconds)

    @property
    def answers(self) -> int:
        """Return how many answers have been counted."""
        return sum(self._classes)

    def snapshot(self) -> ProjectSnapshot:
        """Return the figures of now."""
        return ProjectSnapshot(
            tuple(self._classes),
            self._latency.snapshot(),
            self.bytes_in,
            self.bytes_out,
            self.streams,
            self.tunnels,
        )


class Stats:
    """The counts of one process. All but ``error`` and ``lag`` are added to directly.

    ``accepted`` connections so far, ``connections`` open now; ``forwards`` are requests written to
    a backend, ``local`` those given to the router's own application. Of connections to backends:
    ``upstream_connects`` were made, ``upstream_reused`` were found in the pool, ``upstream_failed``
    could not be made or broke before an answer, ``upstream_retried`` requests were sent again.
    """

    __slots__ = (
        "_projects",
        "accepted",
        "connections",
        "errors",
        "forwards",
        "lag",
        "local",
        "upstream_connects",
        "upstream_failed",
        "upstream_retried",
        "upstream_reused",
    )

    def __init__(self) -> None:
        self.accepted = self.connections = self.local = self.forwards = 0
        self.upstream_connects = self.upstream_reused = 0
        self.upstream_failed = self.upstream_retried = 0
        self.lag = Histogram(LAG)
        self.errors: dict[str, int] = {}
        self._projects: dict[str, ProjectStats] = {}

    def project(self, slug: str) -> ProjectStats:
        """Return the counts of a project of the table."""
        found = self._projects.get(slug)
        if found is None:
            found = self._projects[slug] = ProjectStats()
        return found

    def answers(self, slug: str) -> int:
        """Return how many requests of a project have been answered."""
        found = self._projects.get(slug)
        return found.answers if found else 0

    def error(self, word: str) -> None:
        """Count an error that the router answered with, by its word (``bad_gateway``, say)."""
        self.errors[word] = self.errors.get(word, 0) + 1

    def snapshot(self) -> Snapshot:
        """Return the figures of now."""
        return Snapshot(
            self.accepted,
            self.connections,
            self.local,
            self.forwards,
            self.upstream_connects,
            self.upstream_reused,
            self.upstream_failed,
            self.upstream_retried,
            self.lag.snapshot(),
            dict(self.errors),
            {slug: counts.snapshot() for slug, counts in self._projects.items()},
        )


_NUMBERS = Snapshot._fields[:-3]
_NOTHING = Stats().snapshot()
_NO_PROJECT = ProjectStats().snapshot()


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the figures of several processes together; of none, zeros."""
    total = _NOTHING
    for one in snapshots:
        total = _add(total, one)
    return total


def ended(snapshot: Snapshot) -> Snapshot:
    """Return what a process leaves behind: all it has counted, and nothing open.

    Without it the sums would fall when a process ends, and a counter never falls.
    """
    projects = {s: p._replace(streams=0, tunnels=0) for s, p in snapshot.projects.items()}
    return snapshot._replace(connections=0, projects=projects)


def _add(one: Snapshot, other: Snapshot) -> Snapshot:
    numbers = {name: getattr(one, name) + getattr(other, name) for name in _NUMBERS}
    errors = dict(Counter(one.errors) + Counter(other.errors))
    projects = dict(one.projects)
    for slug, counts in other.projects.items():
        projects[slug] = _add_project(projects.get(slug, _NO_PROJECT), counts)
    return Snapshot(**numbers, lag=one.lag.plus(other.lag), errors=errors, projects=projects)


def _add_project(one: ProjectSnapshot, other: ProjectSnapshot) -> ProjectSnapshot:
    return ProjectSnapshot(
        tuple(map(int.__add__, one.classes, other.classes)),
        one.latency.plus(other.latency),
        one.bytes_in + other.bytes_in,
        one.bytes_out + other.bytes_out,
        one.streams + other.streams,
        one.tunnels + other.tunnels,
    )
