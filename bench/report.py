"""``RESULTS.md``: figures and ratios, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.alone import Alone
from bench.footprint import Footprint
from bench.proxies import DIRECT, OURS
from bench.results import Results, percentile, ratio
from bench.targets import Verdict, verdicts

_DIGITS = 100  # figures below have a decimal
_TABLES = (
    (
        "Small replies (36 bytes), the same request again and again",
        {"same-1": "1 connection", "same-64": "64", "same-512": "512"},
        ("requests/s", "CPU µs"),
    ),
    (
        "Small replies, another target in every request",
        {"distinct-1": "1 connection", "distinct-64": "64", "distinct-512": "512"},
        ("requests/s", "CPU µs"),
    ),
    (
        "One connection a request, WebSocket messages, events",
        {"close": "requests", "sockets": "echoes", "events": "events"},
        ("/s", "CPU µs"),
    ),
    (
        "Bodies of 16 KB (64 connections) and 10 MB (4 connections)",
        {
            "down-16k": "16 KB down",
            "up-16k": "16 KB up",
            "down-10m": "10 MB down",
            "up-10m": "10 MB up",
        },
        ("MB/s", "CPU ms/GB"),
    ),
)


def report(results: Results) -> str:
    """Return the whole document."""
    parts = [
        "# The router beside other proxies",
        _preface(results),
        "## Targets",
        _targets(verdicts(results)),
        "## Under load",
        _METHOD,
        *(part for title, cases, units in _TABLES for part in _load(results, title, cases, units)),
        *_latency(results),
        "## Start-up and memory",
        _footprints(results),
        "## The router alone",
        _alone(results.alone),
        "## Not measured",
        _missing(results),
    ]
    return "\n\n".join(parts) + "\n"


_METHOD = """
In brackets: the figure over ours. Each is the median of the rounds; within a round the proxies take
turns. A run counts only if bodies were right before and after it, the load generator saw no error,
and the backend served as many requests as were counted; else the cell is *invalid*, and the reason
stands below its table.

CPU is user and system time of all processes of the proxy. `(no proxy)` is the load generator on the
backend itself: where a figure is near that, the load is the bound, and CPU tells more.

The router keeps what it knows of a repeated request head; where every request has another target,
it cannot. Events: 1,000 streams, each event a write of its own; the next is sent when all streams
have the last.
""".strip()


def _preface(results: Results) -> str:
    plan = results.plan
    kind = "a quick run, for trying the bench out: " if plan.quick else ""
    where = "" if results.apart else "; **proxy and load shared one core: the figures mean little**"
    made = (
        f"Made by `make bench` on {results.date} in {results.minutes:.0f} minutes: {kind}rounds: "
        f"{plan.rounds}, a run: {plan.seconds} s. The proxy on one core, load generator and "
        f"backend on the other{where}."
    )
    lines = [
        made,
        table(("machine", ""), list(results.facts.items())),
        table(("program", "version"), list(results.versions.items())),
    ]
    return "\n\n".join(lines)


def _targets(found: Sequence[Verdict]) -> str:
    words = {True: "met", False: "**not met**", None: "not measured"}
    rows = [
        (
            verdict.what,
            f"{'>=' if verdict.least else '<='} {verdict.limit:g}{verdict.unit}",
            "-" if verdict.measured is None else f"{verdict.measured:.3g}{verdict.unit}",
            words[verdict.met],
        )
        for verdict in found
    ]
    return table(("what", "target", "measured", ""), rows)


def _load(
    results: Results, title: str, cases: dict[str, str], units: tuple[str, str]
) -> Iterable[str]:
    if not any((case, DIRECT) in results.cells for case in cases):
        return
    heads = [f"{name}: {unit}" for name in cases.values() for unit in units]
    rows = []
    for proxy, name in results.titles.items():
        row = [name]
        for case in cases:
            row.append(_cell(results, case, proxy, results.rate))
            row.append(_cell(results, case, proxy, results.cpu))
        rows.append(row)
    yield f"### {title}"
    yield table(("proxy", *heads), rows)
    errors = [
        f"* {name}, {case}: {cell.error}"
        for proxy, name in results.titles.items()
        for case in cases
        if (cell := results.cell(case, proxy)) and cell.error
    ]
    if errors:
        yield "\n".join(errors)


def _cell(results: Results, case: str, proxy: str, get: Callable[[str, str], float | None]) -> str:
    cell = results.cell(case, proxy)
    if cell and cell.error:
        return "*invalid*"
    return figure(get(case, proxy), None if proxy == OURS else get(case, OURS))


def _latency(results: Results) -> Iterable[str]:
    if results.cell("latency", DIRECT) is None:
        return
    rows = []
    ours = results.added(OURS)
    for proxy, name in results.titles.items():
        cell, added = results.cell("latency", proxy), results.added(proxy)
        if cell is None or cell.error or added is None:
            rows.append((name, *(["*invalid*" if cell and cell.error else "-"] * 4)))
            continue
        row = [name, f"{cell.p50 * 1e6:,.0f}", f"{cell.p99 * 1e6:,.0f}"]
        bare = proxy == DIRECT
        mine = [None, None] if ours is None or proxy == OURS else [part * 1e6 for part in ours]
        row += (
            ["-", "-"] if bare else [figure(a * 1e6, m) for a, m in zip(added, mine, strict=True)]
        )
        rows.append(tuple(row))
    yield "### Latency at 200 requests/s"
    yield (
        "Requests are sent at fixed times, whether or not earlier answers have come."
        " Added: less what the backend itself takes in the same round."
    )
    heads = ("proxy", "p50 µs", "p99 µs", "added p50 µs", "added p99 µs")
    yield table(heads, rows)


def _footprints(results: Results) -> str:
    if not results.footprints:
        return "Not asked for."
    ours, rows = results.ours(), []
    for proxy, name in results.titles.items():
        found = results.footprints.get(proxy)
        if isinstance(found, Footprint):
            rows.append((name, *_footprint(found, None if proxy == OURS else ours)))
        elif found:
            rows.append((name, found, "", ""))
    streams = f"{results.plan.streams:,} idle event streams: KB each"
    text = (
        "Start-up: from its start to the first right answer; ours finds the backend meanwhile."
        " Memory: RSS of all its processes (what they share counts for each); kernel's not."
    )
    return f"{text}\n\n{table(('proxy', 'start-up ms', 'RSS MB', streams), rows)}"


def _footprint(found: Footprint, ours: Footprint | None) -> tuple[str, str, str]:
    stream, mine = found.per_stream, ours.per_stream if ours else None
    if isinstance(stream, str):
        last = stream
    else:
        last = figure(stream / 1024, mine / 1024 if isinstance(mine, int | float) else None)
    return (
        figure(found.startup * 1e3, ours.startup * 1e3 if ours else None),
        figure(found.memory / 2**20, ours.memory / 2**20 if ours else None),
        last,
    )


def _alone(alone: Alone | str | None) -> str:
    if not isinstance(alone, Alone):
        return alone or "Not asked for."
    rows = [
        ("RSS, idle, 50 backends", f"{alone.memory / 2**20:.1f} MB"),
        ("idle CPU, 1,001 ports and 50 backends", f"{alone.idle_cpu:.2%} of one core"),
        (f"listen() to routable, {len(alone.routable)} servers", _spread(alone.routable)),
        *((f"`{name}`, {len(took)} times", _spread(took)) for name, took in alone.commands.items()),
    ]
    return table(("what", "measured"), rows)


def _spread(seconds: Sequence[float]) -> str:
    p50, p99 = (percentile(seconds, percent) * 1e3 for percent in (50, 99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {max(seconds) * 1e3:.0f} ms"


def _missing(results: Results) -> str:
    lines = [f"* {item.title}: {item.reason}" for item in results.missing]
    return "\n".join(lines) or "Nothing is missing."


def figure(value: float | None, ours: float | None) -> str:
    """Return a figure and, in brackets, its ratio to ours."""
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= _DIGITS else f"{value:.1f}"
    share = ratio(value, ours)
    return text if share is None else f"{text} ({share:.2f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
