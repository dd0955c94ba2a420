"""What was promised, and whether it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.alone import Alone
from bench.proxies import OURS
from bench.results import Results, percentile, ratio

_SMALL = "same-64"  # small replies, 64 connections


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target: ``measured`` is None when it was not. ``least``: as much or more is wanted."""

    what: str
    limit: float
    measured: float | None
    unit: str = "x"
    least: bool = False

    @property
    def met(self) -> bool | None:
        """Tell whether it is met; None when it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.least else self.measured <= self.limit


def verdicts(results: Results) -> list[Verdict]:
    """Return all targets."""
    return [*_speed(results), *_cost(results), *_alone(results.alone)]


def _speed(results: Results) -> Sequence[Verdict]:
    small = "small replies, 64 connections: requests/s against"
    ours, ours_large = results.rate(_SMALL, OURS), results.rate("down-10m", OURS)
    sides = {
        "go-original": ("Go ReverseProxy, original's transport", 5),
        "go-tuned": ("Go ReverseProxy, tuned", 2.5),
        "envoy": ("Envoy", 1.5),
        "caddy": ("Caddy", 4),
        "nginx": ("nginx", 0.5),
    }
    rates = [
        Verdict(f"{small} {title}", limit, ratio(ours, results.rate(_SMALL, key)), least=True)
        for key, (title, limit) in sides.items()
    ]
    large = "10 MB bodies: throughput against nginx"
    return [
        *rates,
        Verdict(
            f"{large}, download",
            0.7,
            ratio(ours_large, results.rate("down-10m", "nginx")),
            least=True,
        ),
        Verdict(
            f"{large}, upload",
            0.7,
            ratio(results.rate("up-10m", OURS), results.rate("up-10m", "nginx")),
            least=True,
        ),
    ]


def _cost(results: Results) -> Sequence[Verdict]:
    ours, nginx = results.added(OURS), results.added("nginx")
    spent = ratio(results.cpu(_SMALL, OURS), results.cpu(_SMALL, "go-tuned"))
    # What nginx adds may be lost in the noise: below a microsecond there is no ratio.
    added = ours[1] / nginx[1] if ours and nginx and nginx[1] >= 1e-6 else None  # noqa: PLR2004
    footprint = results.ours()
    stream = footprint.per_stream if footprint else None
    return [
        Verdict(
            "CPU per small request (64 connections) against Go ReverseProxy, tuned", 0.4, spent
        ),
        Verdict("added latency p99 at 200 requests/s against nginx", 3, added),
        Verdict(
            "memory per idle SSE stream",
            12,
            stream / 1024 if isinstance(stream, int | float) else None,
            " KB",
        ),
    ]


def _alone(alone: Alone | str | None) -> Sequence[Verdict]:
    known = alone if isinstance(alone, Alone) else None

    def command(name: str) -> float | None:
        return percentile(known.commands[f"ocr-router {name}"], 50) * 1e3 if known else None

    found = percentile(known.routable, 99) * 1e3 if known else None
    idle, memory = (known.idle_cpu * 100, known.memory / 2**20) if known else (None, None)
    return [
        Verdict("listen() of a stand-in to routable, p99", 250, found, " ms"),
        Verdict("idle CPU, 1,001 ports and 50 backends, of one core", 0.3, idle, "%"),
        Verdict("RSS, idle, 50 backends", 80, memory, " MB"),
        Verdict("`ocr-router --version`, cold, p50", 120, command("--version"), " ms"),
        Verdict("`ocr-router --help`, cold, p50", 250, command("--help"), " ms"),
    ]
