"""``/api/metrics``: what the router has counted, as Prometheus reads it.

It is imported when somebody asks for the first time: most routers are never asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from opencoderouter.core.histogram import Distribution
from opencoderouter.core.model import Status
from opencoderouter.core.table import Table
from opencoderouter.proxy.context import Figures
from opencoderouter.proxy.lane.stats import ProjectSnapshot, Snapshot, merge

_OURS = "opencoderouter_"
_COUNTERS = (  # name, help, figure
    ("connections_accepted", "Client connections accepted.", "accepted"),
    ("forwards", "Requests written to a backend.", "forwards"),
    ("local_requests", "Requests for the router's own pages and API.", "local"),
    ("upstream_connects", "Connections made to backends.", "upstream_connects"),
    ("upstream_reused", "Requests that found an idle connection.", "upstream_reused"),
    ("upstream_retries", "Requests sent again on a new connection.", "upstream_retried"),
    ("upstream_failures", "Connections not made, or lost before an answer.", "upstream_failed"),
)
_Samples = Iterable[tuple[tuple[str, ...], float]]


class Reading(NamedTuple):
    """All figures at one time, as plain values."""

    version: str
    tasks: int
    total: Snapshot
    statuses: Mapping[Status, int]
    discovery: Distribution
    scan: Distribution


def read(figures: Figures, table: Table, version: str, tasks: int) -> Reading:
    """Return the figures of now. Quick; to be called where they are written.

    ``tasks`` are those of the owner's loop.
    """
    return Reading(
        version,
        tasks,
        merge(figures.snapshots()),
        Counter(project.route.status for project in table.projects.values()),
        figures.discovery.snapshot(),
        figures.scan.snapshot(),
    )


def render(reading: Reading, accept: str) -> tuple[bytes, str]:
    """Return the text in the format that ``accept``, a header field, wants, and its content type.

    Takes milliseconds; may be called in any thread.
    """
    registry = CollectorRegistry()
    registry.register(_Readings(reading))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Readings(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        reading = self._reading
        yield _info(reading.version)
        yield _gauge("tasks", "Tasks of the owner's event loop.", [((), reading.tasks)])
        statuses = [((status.value,), float(reading.statuses.get(status, 0))) for status in Status]
        yield _gauge("projects", "Projects with a server, by status.", statuses, "status")
        yield from _totals(reading.total)
        yield from _projects(reading.total.projects)
        yield _histogram("loop_lag", "How late the event loop was.", [((), reading.total.lag)])
        about = "From when a server was seen to listen until it was routed."
        yield _histogram("discovery_latency", about, [((), reading.discovery)])
        about = "Looking at all listeners after some had come or gone."
        yield _histogram("scan_duration", about, [((), reading.scan)])


def _totals(total: Snapshot) -> Iterator[Metric]:
    yield _gauge("connections", "Client connections open now.", [((), total.connections)])
    for name, about, figure in _COUNTERS:
        yield _counter(name, about, [((), getattr(total, figure))])
    errors = [((kind,), float(count)) for kind, count in sorted(total.errors.items())]
    yield _counter("errors", "Errors the router answered with, by its word.", errors, "kind")


def _projects(projects: Mapping[str, ProjectSnapshot]) -> Iterator[Metric]:
    rows = sorted(projects.items())
    codes = [
        ((slug, f"{digit}xx"), float(count))
        for slug, row in rows
        for digit, count in enumerate(row.classes)
        if count
    ]
    yield _counter("requests", "Requests of projects answered.", codes, "project", "code")
    latency = [((slug,), row.latency) for slug, row in rows]
    about = "From the head of a request to the head of its answer."
    yield _histogram("request_duration", about, latency, "project")
    octets = [
        ((slug, way), float(count))
        for slug, row in rows
        for way, count in (("in", row.bytes_in), ("out", row.bytes_out))
    ]
    yield _counter("bytes", "Octets from clients (in) and to them.", octets, "project", "direction")
    streams = [((slug,), float(row.streams)) for slug, row in rows]
    yield _gauge("open_streams", "Event streams open now.", streams, "project")
    tunnels = [((slug,), float(row.tunnels)) for slug, row in rows]
    yield _gauge("open_tunnels", "Upgraded connections open now.", tunnels, "project")


def _info(version: str) -> Metric:
    family = InfoMetricFamily(_OURS.rstrip("_"), "The router.")
    family.add_metric([], {"version": version})
    return family


def _gauge(name: str, about: str, samples: _Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(_OURS + name, about, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _counter(name: str, about: str, samples: _Samples, *labels: str) -> Metric:
    family = CounterMetricFamily(_OURS + name, about, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _histogram(
    name: str,
    about: str,
    samples: Iterable[tuple[tuple[str, ...], Distribution]],
    *labels: str,
) -> Metric:
    """Return a histogram of seconds."""
    family = HistogramMetricFamily(f"{_OURS}{name}_seconds", about, labels=labels)
    for values, seen in samples:
        bounds = [*map(str, seen.bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(seen.counts)), strict=True))
        family.add_metric(values, buckets, seen.total)
    return family
