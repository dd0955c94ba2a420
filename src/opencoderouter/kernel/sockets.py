"""All listening TCP sockets of this network namespace, from the kernel.

Asked over netlink (sock_diag(7)); where that is not to be had, ``/proc/net/tcp{,6}`` tells the
same more slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from opencoderouter.core.model import Listener
from opencoderouter.kernel.netlink import Netlink
from opencoderouter.kernel.netlink import open_netlink as _open_netlink
from opencoderouter.kernel.proc_net import read_listeners

Listeners = Callable[[], frozenset[Listener]]


def kernel_listeners(proc: Path = Path("/proc")) -> Listeners | None:
    """Return a function that lists the listeners of now (``pid`` and ``kind`` not filled in).

    None where the kernel has neither way (macOS). The function raises OSError when the kernel
    refuses what it granted before.
    """
    netlink = _open_netlink()
    if (proc / "net/tcp").exists():
        return _Listeners(netlink, proc) if netlink else (lambda: read_listeners(proc))
    return netlink


class _Listeners:
    """Netlink, and for the one call where it fails, the files."""

    def __init__(self, netlink: Netlink, proc: Path) -> None:
        self._netlink, self._proc = netlink, proc

    def __call__(self) -> frozenset[Listener]:
        try:
            return self._netlink()
        except OSError:
            return read_listeners(self._proc)
