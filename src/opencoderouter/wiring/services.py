"""What finds, starts and serves, made of the settings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.launch.launcher import Launcher
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.loop import Scanner, ScanPolicy
from opencoderouter.scan.named import NamedServers
from opencoderouter.settings import Settings
from opencoderouter.wiring import entry
from opencoderouter.wiring.messages import Start
from opencoderouter.wiring.names import machine_names


def start(settings: Settings) -> Start:
    """Return what a worker has to know."""
    return Start(
        names=machine_names(settings),
        limits=settings.limits,
        grace=settings.grace,
        probe_timeout=settings.probe_timeout,
        log_format=settings.log_format,
        log_level=settings.log_level,
        access_log=settings.access_log,
        access_log_format=settings.access_log_format,
        log_size=settings.log_size,
        auth=settings.auth,
        audit=entry.audit_file(settings.state_dir),
        tls=settings.tls,
    )


def scanner(
    settings: Settings,
    registry: Registry,
    client: Client,
    launcher: Launcher,
    used: Callable[[str], object],
) -> Scanner:
    """Return what finds this user's servers; ``used`` changes when a directory's server is."""
    policy = ScanPolicy(
        ports=settings.ports,
        interval=settings.scan_interval,
        concurrency=settings.scan_concurrency,
        stale_after=settings.stale_after,
        adopt_unowned=settings.adopt_unowned,
    )
    return Scanner(
        registry,
        client,
        policy,
        uid=os.getuid(),
        listeners=kernel_listeners(),
        own_ports=frozenset({settings.port}),
        clock=time.monotonic,
        started=lambda: [item.port for item in launcher.managed.values() if item.port],
        used=used,
    )


def named(settings: Settings, registry: Registry, client: Client) -> NamedServers:
    """Return what looks at the servers that the settings name."""
    return NamedServers(
        registry,
        client,
        settings.backend,
        interval=settings.scan_interval,
        stale_after=settings.stale_after,
        clock=time.monotonic,
    )


def launcher(
    settings: Settings, registry: Registry, client: Client, command: Sequence[str]
) -> Launcher:
    """Return what starts servers by ``command``, on no port that the router wants."""
    return Launcher(
        registry,
        client,
        command=command,
        ports=settings.ports,
        reserved=frozenset({settings.port}),
        listeners=kernel_listeners(),
    )
