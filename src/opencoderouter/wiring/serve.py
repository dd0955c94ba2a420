"""The router process: objects, services, signals, and the order in which they end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial

from anyascii import anyascii

from opencoderouter import __version__
from opencoderouter.access.audit import Audit
from opencoderouter.access.keys import Keys
from opencoderouter.core.fleet.watched import Watching
from opencoderouter.core.named import reserve
from opencoderouter.core.slug import LABEL
from opencoderouter.labels import LabelFile
from opencoderouter.launch.launcher import Launcher
from opencoderouter.leases import LeaseFile, LeaseWriter
from opencoderouter.opencode.client import Client
from opencoderouter.presence import Presence, near, present
from opencoderouter.proxy import tls
from opencoderouter.proxy.app import application
from opencoderouter.proxy.context import Context, Figures
from opencoderouter.proxy.lane.accesslog import open_access_log
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.proxy.server import Resources, Server, serve
from opencoderouter.registry import Registry
from opencoderouter.scan.loop import Scanner
from opencoderouter.settings import Settings
from opencoderouter.wiring import banner, entry, files, loop, services
from opencoderouter.wiring.announcing import Announcing
from opencoderouter.wiring.clock import clock
from opencoderouter.wiring.entry import Entry
from opencoderouter.wiring.fleet import FleetWatcher, watcher
from opencoderouter.wiring.journal import journal
from opencoderouter.wiring.lasting import lasting
from opencoderouter.wiring.manager import Manager, manager
from opencoderouter.wiring.names import machine_names, place
from opencoderouter.wiring.opencode import opencode_client
from opencoderouter.wiring.signals import first_of, stop_on_signals
from opencoderouter.wiring.workers import Owner, Workers

log = logging.getLogger(__name__)
Say = Callable[[str], object]


def run(
    settings: Settings,
    shares: list[list[socket.socket]],
    projects: Sequence[str],
    command: Sequence[str],
    say: Say,
) -> int:
    """Run the router on these sockets until SIGINT or SIGTERM; returns the exit code.

    The first of ``shares`` are its own, and it has a worker for each of the others.
    ``projects`` are absolute directories to start servers in by ``command``. Raises OSError when a
    log cannot be opened, and its Refused when a file is not this user's alone; TlsError when
    certificate and key do not do; Clash when the name of a backend is taken.
    """
    files.allow_many()
    file = LeaseFile(settings.state_dir / "leases.json")
    with ExitStack() as end:
        resources = end.enter_context(_resources(settings, len(shares)))
        entry = end.enter_context(_entry(settings, len(shares)))
        writer = end.enter_context(closing(LeaseWriter(file)))
        limit = LABEL - 1 - len(settings.owner)  # {slug}-{owner} is one label
        leases = reserve(file.load(), settings.backend, limit=limit)
        labels = LabelFile(settings.state_dir / "labels.json", place(settings))
        registry = Registry(
            leases, labels=labels.load(), limit=limit, ascii_=anyascii, save=writer.save
        )
        files.warn_of_few(settings.max_connections, len(shares))
        bound = [one.getsockname()[0] for one in shares[0]]
        network = Announcing(settings, registry, bound, labels)
        fleet = watcher() if settings.fleet else None
        where = near([one.getsockname()[:2] for one in shares[0]])
        end.enter_context(present(settings.state_dir, Presence("serve", settings.scheme, *where)))
        by = manager(os.environ)
        parts = _Parts(settings, shares, registry, resources, entry, network, fleet, by)
        return loop.run(_main(parts, projects, command, say))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What there is before the loop."""

    settings: Settings
    shares: list[list[socket.socket]]
    registry: Registry
    resources: Resources
    entry: Entry
    network: Announcing
    fleet: FleetWatcher | None
    manager: Manager


@contextmanager
def _resources(settings: Settings, processes: int) -> Iterator[Resources]:
    where, form = settings.access_log, settings.access_log_format
    access = open_access_log(where, settings.log_size, form, _later)
    door, proof = entry.asked(settings.auth)
    try:
        yield Resources(
            settings.limits,
            Occupancy.create(processes),
            Stats(),
            door,
            access,
            proof,
            tls.context(*settings.tls) if settings.tls else None,
        )
    finally:
        if access is not None:
            access.close()


@contextmanager
def _entry(settings: Settings, processes: int) -> Iterator[Entry]:
    keys = Keys(settings.sources, clock)
    strikes = Strikes.create(processes)
    file = entry.audit_file(settings.state_dir)
    with closing(Audit(file, settings.log_size, later=_later)) as audit:
        yield Entry(keys, strikes, audit)


def _later(delay: float, call: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(delay, call)


async def _main(parts: _Parts, projects: Sequence[str], command: Sequence[str], say: Say) -> int:
    stop = stop_on_signals()
    settings, registry = parts.settings, parts.registry
    record = parts.entry.audit.record
    workers = Workers(services.start(settings), parts.shares[1:])
    async with opencode_client(settings.probe_timeout) as client:
        launcher = services.launcher(settings, registry, client, command)
        scanner = _scanner(parts, client, launcher, workers)
        context = _context(parts, launcher, client, scanner, workers)
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(_beside(parts, client, launcher), name="beside")
            network = group.create_task(parts.network.run(), name="network")
            scan = group.create_task(scanner.run(), name="scan")
            ready = scanner.ready
            launch = group.create_task(launcher.run(projects, ready=ready), name="launch")
            async with serve(
                application(context, settings.api_rate),
                parts.shares[0],
                grace=settings.grace,
                context=context,
                resources=parts.resources,
                beside=partial(_employ, workers, context, parts),
            ):
                record("router_started", version=__version__, pid=os.getpid())
                await _greet(parts, launcher, first_of(ready, stop), say)
                standing = group.create_task(parts.manager.stand(_states(parts)), name="standing")
                await stop.wait()
                standing.cancel()
                parts.manager.stopping(settings.grace)
                log.info("stopping grace=%.1fs", settings.grace)
                network.cancel()  # others are told at once
            # Requests may finish before the servers that answer them end, and those before the
            # scanner that watches them.
            launch.cancel()
            await asyncio.wait([launch])
            scan.cancel()
            beside.cancel()
    record("router_stopped", pid=os.getpid())
    log.info("stopped")
    return 0


async def _greet(parts: _Parts, launcher: Launcher, looked: Awaitable[None], say: Say) -> None:
    """Say where everything is, and what is there when all has been ``looked`` at."""
    bound = parts.network.bound
    say(banner.opening(parts.settings, bound, parts.network.told.value.addresses))
    await looked
    say(banner.projects(parts.registry.table, launcher.managed, parts.settings, bound))


async def _beside(parts: _Parts, client: Client, launcher: Launcher) -> None:
    """Do what nothing else waits for, until cancelled."""
    settings = parts.settings
    async with asyncio.TaskGroup() as group:
        group.create_task(parts.manager.beat(), name="beat")
        group.create_task(parts.entry.keys.run(), name="keys")
        group.create_task(journal(launcher, parts.entry.audit.record), name="journal")
        group.create_task(services.named(settings, parts.registry, client).run(), name="named")
        if parts.fleet is not None:
            group.create_task(lasting("fleet", parts.fleet.run), name="fleet")


async def _employ(workers: Workers, context: Context, parts: _Parts, server: Server) -> None:
    """Keep workers until the router closes."""
    owner = Owner(
        registry=context.registry,
        keyring=parts.entry.keys.watch,
        occupancy=parts.resources.occupancy,
        strikes=parts.entry.strikes,
        closing=context.closing,
        serve_local=server.serve_local,
        accept=server.accept,
    )
    await workers.run(owner)


def _context(
    parts: _Parts, launcher: Launcher, client: Client, scanner: Scanner, workers: Workers
) -> Context:
    settings, stats = parts.settings, parts.resources.stats
    return Context(
        registry=parts.registry,
        supervisor=launcher,
        client=client,
        names=machine_names(settings),
        username=settings.username,
        boot=secrets.token_hex(4),
        last_seen=scanner.last_seen,
        closing=asyncio.Event(),
        access=parts.entry.access(),
        figures=Figures(
            lambda: [stats.snapshot(), *workers.snapshots()], scanner.discovery, scanner.scanned
        ),
        network=parts.network.network,
        peers=parts.network.peers,
        fleet=lambda: parts.fleet.now if parts.fleet else Watching(),
    )


def _scanner(parts: _Parts, client: Client, launcher: Launcher, workers: Workers) -> Scanner:
    registry = parts.registry

    def used(directory: str) -> object:
        slug = registry.table.leases.get(directory, "")
        others = (figures.projects.get(slug) for figures in workers.snapshots())
        return (parts.resources.stats.answers(slug), *others)

    return services.scanner(parts.settings, registry, client, launcher, used)


async def _states(parts: _Parts) -> AsyncIterator[str]:
    """Yield the one line that a service manager shows."""
    async for table in parts.registry.follow():
        count = len(table.projects)
        yield f"{count} project{'' if count == 1 else 's'}, port {parts.settings.port}"
