"""What a proxy costs before and between requests: start-up, memory, memory of idle streams."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.answers import wrong
from bench.load import Target, own_argv, read_own
from bench.processes import Running, stop
from bench.proxies import Proxy
from bench.rig import Rig, say, until

_SETTLE = 1.0  # seconds
_OPEN = 60.0  # seconds to open all streams


@dataclass(frozen=True, slots=True)
class Footprint:
    """Seconds from its start to the first right answer; bytes when idle then, and per stream.

    ``per_stream`` is text where it could not be measured.
    """

    startup: float
    memory: float
    per_stream: float | str


def footprints(
    rig: Rig, proxies: Sequence[Proxy], backend: int, rounds: int, streams: int
) -> dict[str, Footprint | str]:
    """Measure all, in turn; text for one that did not start."""
    say("start-up")
    starts: dict[str, list[tuple[float, int]]] = {proxy.key: [] for proxy in proxies}
    failed: dict[str, Footprint | str] = {}
    for _ in range(rounds):
        for proxy in proxies:
            try:
                starts[proxy.key].append(_start(rig, proxy, backend))
            except RuntimeError as error:
                failed[proxy.key] = str(error)
    say(f"{streams} idle streams")
    good = [proxy for proxy in proxies if proxy.key not in failed]
    return failed | {p.key: _footprint(rig, p, backend, starts[p.key], streams) for p in good}


def _footprint(
    rig: Rig, proxy: Proxy, backend: int, starts: Sequence[tuple[float, int]], streams: int
) -> Footprint:
    try:
        per_stream: float | str = _per_stream(rig, proxy, backend, streams)
    except RuntimeError as error:
        per_stream = str(error)
    seconds, memory = zip(*starts, strict=True)
    return Footprint(median(seconds), median(memory), per_stream)


def _start(rig: Rig, proxy: Proxy, backend: int) -> tuple[float, int]:
    began = time.monotonic()
    with rig.proxy(proxy, backend) as (it, port):
        until(lambda: not wrong(port, "/small"), it)
        took = time.monotonic() - began
        time.sleep(_SETTLE / 4)
        return took, it.memory()


def _per_stream(rig: Rig, proxy: Proxy, backend: int, streams: int) -> float:
    with rig.proxy(proxy, backend) as (it, port):
        until(lambda: not wrong(port, "/small"), it)
        time.sleep(_SETTLE)
        before = it.memory()
        process = subprocess.Popen(
            own_argv(rig, Target(port, backend), "idle", streams),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return _held(it, process, before) / streams
        finally:
            stop(process)


def _held(proxy: Running, process: subprocess.Popen[bytes], before: int) -> int:
    """Return by how many bytes a proxy has grown when all streams are open and at rest."""
    assert process.stdout  # noqa: S101 - the caller asked for it
    timer = threading.Timer(_OPEN, process.kill)
    timer.start()
    line = process.stdout.readline().decode()
    timer.cancel()
    if line.strip() != "started":
        why = read_own(line).error if line else f"not open within {_OPEN:.0f} s"
        raise RuntimeError(f"{why} {proxy.ended()}".strip())
    time.sleep(_SETTLE)
    if process.poll() is not None:
        raise RuntimeError("a stream ended")
    return proxy.memory() - before
