"""What every measurement stands on: the tools, the cores, a folder, the backend."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.install import Tools
from bench.machine import Cores, free_port
from bench.processes import Running, running
from bench.proxies import Launch, Proxy

_BEGAN = time.monotonic()
_PATIENCE = 30.0  # seconds until a program has to be up


@dataclass(frozen=True, slots=True)
class Rig:
    """Starts programs in folders of their own below ``folder``."""

    tools: Tools
    cores: Cores
    folder: Path
    router: Path

    def fresh(self, name: str) -> Path:
        """Return a new folder."""
        path = next(p for n in count() if not (p := self.folder / f"{name}-{n}").exists())
        path.mkdir()
        return path

    def environment(self) -> dict[str, str]:
        """Return what programs see: nothing of this user's settings."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return kept | {"HOME": str(self.folder), "LANG": "C.UTF-8"}

    @contextmanager
    def backend(self, folder: Path, port: int) -> Iterator[float]:
        """Run a backend that serves ``folder``; yields when it began to listen.

        In seconds of the clock of ``time.monotonic``.
        """
        argv = (str(self.tools.found["backend"]), str(port))
        environment = self.environment()
        with running(argv, core=self.cores.load, folder=folder, environment=environment) as it:
            until(it.log.read_text, it)
            yield int(it.log.read_text().split()[1]) / 1e9

    def start(self, launch: Launch, folder: Path) -> AbstractContextManager[Running]:
        """Run a proxy on its core."""
        environment = {**self.environment(), **launch.environment}
        return running(launch.argv, core=self.cores.proxy, folder=folder, environment=environment)

    @contextmanager
    def proxy(self, proxy: Proxy, backend: int) -> Iterator[tuple[Running, int]]:
        """Run a proxy; yields it and its port."""
        folder, port = self.fresh(proxy.key), free_port()
        with self.start(proxy.launch(port, backend, folder), folder) as it:
            yield it, port


def say(what: str) -> None:
    """Tell how far the bench is."""
    print(f"==> [{time.monotonic() - _BEGAN:5.0f} s] {what}", flush=True)


def until(true: Callable[[], object], program: Running, within: float = _PATIENCE) -> None:
    """Wait until something holds. Raises RuntimeError when the program has ended or time is up."""
    end = time.monotonic() + within
    while not true():
        if why := program.ended():
            raise RuntimeError(why)
        if time.monotonic() > end:
            raise RuntimeError(f"nothing within {within:.0f} s: {program.last_words()}")
        time.sleep(0.002)
