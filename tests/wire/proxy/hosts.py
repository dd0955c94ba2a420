"""SSH hosts as a watcher tells of them, one with texts that would like to be more than text."""

from __future__ import annotations

from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.watched import Watched, Watching

AT = 1_767_323_045.0  # 2026-01-02T03:04:05Z
HOSTILE = "<img src=x onerror=alert(1)>"


def watching() -> Watching:
    """Return a watcher that has told of five hosts."""
    hosts = (
        Watched("web", "Web", "production", HostState.ONLINE, "", AT, "1.18.33", 12, 2, 1),
        Watched(
            "db", "db", "production", HostState.UNREACHABLE, "timed out", AT, sessions=3, stale=True
        ),
        Watched("new", "new"),
        Watched("key", HOSTILE, HOSTILE, HostState.HOST_KEY_CHANGED, HOSTILE, AT),
        Watched("pw", "pw", state=HostState.AUTH_REQUIRED, reason="wants a password", at=AT),
    )
    return Watching("on", pid=4711, restarts=1, hosts=hosts)
