"""Metrics: Prometheus can read them, and they say what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from tests.fakes import backend

from opencoderouter.core.histogram import Histogram
from opencoderouter.core.model import Status
from opencoderouter.proxy.context import Figures
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.metrics import read, render
from opencoderouter.registry import Registry

OPEN = "application/openmetrics-text; version=1.0.0"
Samples = dict[tuple[str, ...], float]


def process() -> Stats:
    """Return what a process has counted."""
    stats = Stats()
    stats.accepted, stats.connections, stats.local, stats.forwards = 11, 12, 13, 14
    stats.upstream_connects, stats.upstream_reused = 15, 16
    stats.upstream_failed, stats.upstream_retried = 17, 18
    stats.error("busy")
    stats.lag.observe(0.003)
    shop = stats.project("shop")
    shop.answered(200, 0.002)
    shop.answered(204, 0.3)
    shop.answered(502, 60.0)
    shop.bytes_in, shop.bytes_out, shop.streams, shop.tunnels = 21, 22, 23, 24
    return stats


def text(*processes: Stats, accept: str = "") -> str:
    """Return the metrics of these processes."""
    registry = Registry()
    registry.observe(backend("/srv/shop", 30001), backend("/srv/blog", 30002, Status.BUSY))
    registry.observe(backend("/srv/wiki", 30003))
    figures = Figures(
        lambda: [stats.snapshot() for stats in processes], Histogram((0.1,)), Histogram((0.2,))
    )
    figures.discovery.observe(0.05)
    figures.scan.observe(0.5)
    body, _ = render(read(figures, registry.table, "1.2.3", 7), accept)
    return body.decode()


def families(*processes: Stats) -> dict[str, Metric]:
    """Return the metrics by name."""
    return {family.name: family for family in parse_plain(text(*processes))}


def samples(family: Metric) -> Samples:
    """Return values by name and labels, the project first."""

    def key(name: str, labels: dict[str, str]) -> tuple[str, ...]:
        names = sorted(labels, key=lambda label: label != "project")
        return (name.removeprefix("opencoderouter_"), *(labels[name] for name in names))

    return {key(sample.name, sample.labels): sample.value for sample in family.samples}


def test_what_one_process_counts() -> None:
    """Each figure is there, under its name, with its labels."""
    found: Samples = {}
    for name, family in families(process()).items():
        if name.startswith("opencoderouter") and family.type != "histogram":
            found |= samples(family)
    wanted: Samples = {
        ("info", "1.2.3"): 1,
        ("projects", "ready"): 2,
        ("projects", "busy"): 1,
        **{("projects", word): 0 for word in ("starting", "locked", "failed", "stopped")},
        ("tasks",): 7,
        ("connections",): 12,
        ("connections_accepted_total",): 11,
        ("local_requests_total",): 13,
        ("forwards_total",): 14,
        ("upstream_connects_total",): 15,
        ("upstream_reused_total",): 16,
        ("upstream_failures_total",): 17,
        ("upstream_retries_total",): 18,
        ("errors_total", "busy"): 1,
        ("requests_total", "shop", "2xx"): 2,
        ("requests_total", "shop", "5xx"): 1,
        ("bytes_total", "shop", "in"): 21,
        ("bytes_total", "shop", "out"): 22,
        ("open_streams", "shop"): 23,
        ("open_tunnels", "shop"): 24,
    }
    assert found == wanted


def test_histograms() -> None:
    """Buckets add up, and sum and count are of all answers."""
    found = samples(families(process())["opencoderouter_request_duration_seconds"])
    name = "request_duration_seconds"
    buckets = {key[2]: value for key, value in found.items() if key[0] == f"{name}_bucket"}
    assert list(buckets) == [
        *("0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"),
        *("1.0", "2.5", "5.0", "10.0", "+Inf"),
    ]
    assert list(buckets.values()) == [0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]
    assert found[f"{name}_count", "shop"] == 3
    assert found[f"{name}_sum", "shop"] == pytest.approx(60.302)


@pytest.mark.parametrize(
    ("name", "counts"),
    [("loop_lag", [0, 0, 1]), ("discovery_latency", [1, 1]), ("scan_duration", [0, 1])],
)
def test_histograms_of_the_router(name: str, counts: list[int]) -> None:
    """Lag, discovery and scans are there, each from its own source."""
    found = samples(families(process())[f"opencoderouter_{name}_seconds"])
    assert [v for k, v in found.items() if k[0].endswith("_bucket")][: len(counts)] == counts


def test_processes_add_up() -> None:
    """Two processes show as one router."""
    found = families(process(), process())
    assert samples(found["opencoderouter_forwards"]) == {("forwards_total",): 28}
    assert samples(found["opencoderouter_requests"])["requests_total", "shop", "2xx"] == 4


def test_a_router_that_has_served_nobody() -> None:
    """There are zeros where there is nothing to tell apart, and Prometheus can read it."""
    found = families(Stats())
    assert samples(found["opencoderouter_forwards"]) == {("forwards_total",): 0}
    assert samples(found["opencoderouter_requests"]) == {}
    assert "process_resident_memory_bytes" in found


def test_every_metric_says_what_it_is() -> None:
    """Each has a type, and a help text that is a sentence; names have the right endings."""
    for name, family in families(process()).items():
        assert family.type in {"counter", "gauge", "histogram"}, name
        assert family.documentation.endswith("."), name
        assert (
            not name.startswith("opencoderouter")
            or family.type != "counter"
            or {sample.name for sample in family.samples} == {f"{name}_total"}
        )


def test_the_client_chooses_the_format() -> None:
    """Prometheus asks for OpenMetrics and gets it; whoever asks for nothing gets plain text."""
    parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
    opened = {family.name: family for family in parse(text(process(), accept=OPEN))}
    assert samples(opened["opencoderouter_forwards"]) == {("forwards_total",): 14}
    assert samples(opened["opencoderouter"]) == {("info", "1.2.3"): 1}
    reading = read(Figures(), Registry().table, "1", 0)
    assert render(reading, OPEN)[1].startswith("application/openmetrics-text; version=1.0.0")
    assert render(reading, "")[1] == "text/plain; version=0.0.4; charset=utf-8"
