"""What is measured of every proxy under load."""

from __future__ import annotations

from dataclasses import dataclass

from bench.answers import LARGE_SIZE, MEDIUM_SIZE, Stats, stats, wrong
from bench.load import Done, Own, Target, Wrk
from bench.processes import Running
from bench.rig import Rig

_LATENCY = 3  # times as long: the 99th percentile needs many requests
_BACK = 1e9


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. ``rate`` a second and ``cpu`` in the case's units, latencies in seconds."""

    rate: float = 0.0
    cpu: float | None = None
    p50: float = 0.0
    p99: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement.

    ``each`` is the bytes of one body where bytes are counted, else 0: then ``rate`` counts
    requests, messages or events, and ``cpu`` is in microseconds; else ``rate`` is in MB/s and
    ``cpu`` in milliseconds per GB. ``check`` is asked before and after.
    """

    key: str
    load: Wrk | Own
    check: str = "/small"
    each: int = 0


def cases(seconds: int) -> list[Case]:
    """Return all cases; each run takes about ``seconds``."""
    small = (1, 64, 512)
    return [
        *(Case(f"same-{n}", Wrk("same", "/small", n, seconds)) for n in small),
        *(Case(f"distinct-{n}", Wrk("distinct", "/small", n, seconds)) for n in small),
        Case("close", Wrk("same", "/small", 64, seconds, close=True)),
        Case("down-16k", Wrk("same", "/medium", 64, seconds), "/medium", MEDIUM_SIZE),
        Case("up-16k", Wrk("upload", "/sink", 64, seconds), "/sink", MEDIUM_SIZE),
        Case("down-10m", Own("download", 4, seconds), "/large", LARGE_SIZE),
        Case("up-10m", Own("upload", 4, seconds), "/sink", LARGE_SIZE),
        Case("sockets", Own("sockets", 64, seconds, opens=True)),
        Case("events", Own("events", 1000, seconds, opens=True)),
        Case("latency", Own("latency", 16, _LATENCY * seconds)),
    ]


def measure(rig: Rig, case: Case, to: Target, proxy: Running | None) -> Sample:
    """Run a case once; ``proxy`` is None when the backend is asked directly."""
    if why := wrong(to.port, case.check):
        return Sample(error=f"before: {why}")
    before, began, pids = stats(to.backend), [0.0], proxy.pids() if proxy else []

    def started() -> None:
        began[0] = proxy.cpu(pids) if proxy else 0.0

    done = case.load.run(rig, to, started)
    cpu = proxy.cpu(pids) - began[0] if proxy else None
    error = done.error or count_wrong(case, done, before, stats(to.backend))
    if error := error or wrong(to.port, case.check):
        return Sample(error=f"{error} {proxy.ended() if proxy else ''}".strip())
    return sample(case, done, cpu)


def sample(case: Case, done: Done, cpu: float | None) -> Sample:
    """Return the figures of a run that took ``cpu`` seconds of CPU."""
    if not done.count or not done.seconds:
        return Sample(error="nothing was answered")
    rate, spent = done.count / done.seconds, cpu / done.count if cpu is not None else None
    if case.each:
        gigabytes = case.each / _BACK
        per = spent / gigabytes * 1e3 if spent is not None else None
        return Sample(rate * gigabytes * 1e3, per, done.p50, done.p99)
    return Sample(rate, spent * 1e6 if spent is not None else None, done.p50, done.p99)


def count_wrong(case: Case, done: Done, before: Stats, after: Stats) -> str:
    """Return why the backend cannot have answered what was counted, or nothing.

    It may have got more: what was under way at the end.
    """
    if case.load.kind == "events":
        return ""  # the backend is what sends
    served = after.requests - before.requests
    if case.load.kind == "sockets":
        served = after.messages - before.messages
    most = done.count + case.load.connections
    if not done.count <= served <= most:
        return f"{done.count} counted, the backend served {served}"
    uploaded = after.bytes - before.bytes
    if case.check == "/sink" and uploaded < done.count * case.each:
        return f"the backend got {uploaded} bytes of {done.count * case.each}"
    return ""
