"""Which targets are met."""

from __future__ import annotations

from bench.alone import Alone
from bench.cases import Sample
from bench.footprint import Footprint
from bench.proxies import DIRECT, OURS
from bench.results import Plan, Results
from bench.targets import Verdict, verdicts

COMMANDS = {"ocr-router --version": [0.1], "ocr-router --help": [0.3]}


def found(**more: object) -> dict[str, Verdict]:
    """Return the verdicts on results with these parts, by what they are about."""
    made = Results(Plan(1, 1, 10), {}, True, {}, {}, **more)  # type: ignore[arg-type]  # noqa: FBT003
    return {verdict.what: verdict for verdict in verdicts(made)}


def one(verdicts: dict[str, Verdict], part: str) -> Verdict:
    """Return the one verdict that is about this."""
    (match,) = (verdict for what, verdict in verdicts.items() if part in what)
    return match


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    """All targets are listed all the same."""
    assert {verdict.met for verdict in found().values()} == {None}
    assert len(found()) == 15


def test_speed_is_ours_over_theirs_and_must_be_as_much() -> None:
    """Half of nginx is enough, twice Caddy is not."""
    cells = {
        ("same-64", OURS): [Sample(50, 3.0)],
        ("same-64", "nginx"): [Sample(100)],
        ("same-64", "caddy"): [Sample(25)],
        ("same-64", "go-tuned"): [Sample(20, 10.0)],
    }
    said = found(cells=cells)
    assert one(said, "connections: requests/s against nginx").met is True
    assert one(said, "Caddy").met is False
    assert one(said, "CPU per small request").measured == 0.3


def test_costs_must_be_as_little() -> None:
    """Memory, latency and time have upper limits."""
    cells = {
        ("latency", OURS): [Sample(p99=0.005)],
        ("latency", "nginx"): [Sample(p99=0.002)],
        ("latency", DIRECT): [Sample(p99=0.001)],
    }
    said = found(cells=cells, footprints={OURS: Footprint(0.3, 1e6, 12 * 1024)})
    assert one(said, "added latency").met is False
    assert one(said, "memory per idle").met is True


def test_what_the_router_does_alone() -> None:
    """Percent, megabytes and milliseconds are those of the targets."""
    said = found(alone=Alone(80 * 2**20, 0.002, [0.1, 0.2], COMMANDS))
    assert one(said, "RSS").met is True
    assert one(said, "idle CPU").measured == 0.2
    assert one(said, "routable").met is True
    assert one(said, "--version").met is True
    assert one(said, "--help").met is False


def test_streams_that_could_not_be_held_are_not_measured() -> None:
    """Text is no figure."""
    said = found(footprints={OURS: Footprint(0.3, 1e6, "not open within 60 s")})
    assert one(said, "memory per idle").met is None
