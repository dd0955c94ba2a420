"""Who listens on a host now: what an action looks at before it acts."""

from __future__ import annotations

import secrets

from opencoderouter.core.fleet.answer import read_servers
from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Unreached
from opencoderouter.core.fleet.transport import Link
from opencoderouter.fleet.script import COMMAND, Wanted, script

_SECONDS = 5


async def places(link: Link, *, within: float) -> tuple[Place, ...] | Failed:
    """Return all sockets of the user's servers and routers, with what is needed to ask them.

    One round trip, some 50 ms of the host's; OpenCode is not started. What listens may turn out
    to be something else (``GET /global/health`` tells). A ``Place`` holds a secret: it is not kept.
    """
    nonce = secrets.token_hex(16)
    text = script(Wanted(_SECONDS, servers_only=True), nonce)
    done = await link.run(COMMAND, stdin=text, within=within)
    if isinstance(done, Unreached):
        return Failed(done.reason, mend=done.mend)
    found = read_servers(done.stdout, nonce)
    return Failed("the host does not tell who listens") if found is None else found
