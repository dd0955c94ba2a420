"""The document that comes out."""

from __future__ import annotations

from bench.alone import Alone
from bench.cases import Sample
from bench.footprint import Footprint
from bench.proxies import DIRECT, OURS, Missing
from bench.report import figure, report, table
from bench.results import Plan, Results

TITLES = {OURS: "OpenCodeRouter", "nginx": "nginx", DIRECT: "(no proxy)"}


def made(**more: object) -> str:
    """Return the report on results with these parts."""
    facts, versions = {"CPU": "a CPU"}, {"nginx": "1.22.1"}
    plan = Plan(5, 1, 5000)
    return report(Results(plan, facts, True, versions, TITLES, **more))  # type: ignore[arg-type]  # noqa: FBT003


def test_a_figure_stands_with_its_ratio_to_ours() -> None:
    """Ours itself has none."""
    assert figure(1234.5, None) == "1,234"
    assert figure(50.0, 100.0) == "50.0 (0.50)"
    assert figure(None, 100.0) == "-"


def test_tables_are_markdown() -> None:
    """Figures stand on the right."""
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_rows_show_rate_and_cpu_with_ratios() -> None:
    """The row of a peer, in the table of its case."""
    cells = {
        ("same-64", OURS): [Sample(1000, 20.0)],
        ("same-64", "nginx"): [Sample(2000, 10.0)],
        ("same-64", DIRECT): [Sample(4000)],
    }
    text = made(cells=cells)
    assert "| nginx | - | - | 2,000 (2.00) | 10.0 (0.50) | - | - |" in text
    assert "| (no proxy) | - | - | 4,000 (4.00) | - | - | - |" in text


def test_an_invalid_cell_says_why_and_has_no_figure() -> None:
    """A fast wrong answer is no result."""
    cells = {("same-64", OURS): [Sample(9999, error="wrong body")], ("same-64", DIRECT): []}
    text = made(cells=cells)
    assert "| OpenCodeRouter | - | - | *invalid* | *invalid* | - | - |" in text
    assert "9,999" not in text
    assert "* OpenCodeRouter, same-64: wrong body" in text


def test_what_could_not_be_had_is_listed() -> None:
    """With the reason."""
    assert "* Envoy: no network" in made(missing=[Missing("Envoy", "no network")])


def test_streams_that_could_not_be_held_say_why() -> None:
    """In place of the figure."""
    text = made(footprints={"nginx": Footprint(0.1, 1e6, "not open within 60 s")})
    assert "| nginx | 100 | 1.0 | not open within 60 s |" in text


def test_the_router_alone_and_its_targets() -> None:
    """What failed says so instead."""
    commands = {"ocr-router --version": [0.1], "ocr-router --help": [0.3]}
    text = made(alone=Alone(60 * 2**20, 0.002, [0.1, 0.2], commands))
    assert "| RSS, idle, 50 backends | 60.0 MB |" in text
    assert "| RSS, idle, 50 backends | <= 80 MB | 60 MB | met |" in text
    assert "| `ocr-router --help`, cold, p50 | <= 250 ms | 300 ms | **not met** |" in text
    assert "Failed: no" in made(alone="Failed: no")
