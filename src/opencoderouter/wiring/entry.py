"""What each process of a router asks to know who comes in."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.access.audit import Audit
from opencoderouter.access.door import Door
from opencoderouter.access.keys import Keys
from opencoderouter.access.tickets import Tickets
from opencoderouter.core.keyring import Auth
from opencoderouter.kernel.kin import Kin
from opencoderouter.kernel.namespaces import tells_users_apart
from opencoderouter.kernel.peers import peers
from opencoderouter.proxy.context import Access
from opencoderouter.proxy.lane.pool import Proof
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.wiring.clock import clock


@dataclass(frozen=True, slots=True)
class Entry:
    """What the owner has to let people in."""

    keys: Keys
    strikes: Strikes
    audit: Audit

    def access(self) -> Access:
        """Make what the application gets of it."""
        return Access(
            keyring=lambda: self.keys.watch.value,
            log_out=self.keys.log_out,
            tickets=Tickets(time.monotonic),
            strikes=self.strikes,
            record=self.audit.record,
            now=clock,
        )


def audit_file(state_dir: Path) -> Path:
    """Return the audit log of a user's routers."""
    return state_dir / "audit.jsonl"


def asked(auth: Auth) -> tuple[Door, Proof | None]:
    """Return who tells what a client is, and whether a backend is still the one it was.

    The proof is None where the kernel cannot be asked.
    """
    kernel, uid = peers(), os.getuid()
    believed = kernel if tells_users_apart() else None
    return Door(auth, uid, believed, Kin()), kernel.holds if kernel else None
