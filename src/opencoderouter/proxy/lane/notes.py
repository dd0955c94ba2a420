"""What a lane has to say for the audit log: who was let in by a secret, and who was not let in."""

from __future__ import annotations

from opencoderouter.core import headers as fields
from opencoderouter.core.grant import Caller, Grant
from opencoderouter.proxy.context import Record
from opencoderouter.proxy.lane.prepared import Refused
from opencoderouter.proxy.lane.request import Request

_TELLING = frozenset({401, 403, 421, 429})
_REMEMBERED = 4096  # tokens and who used them


class Notes:
    """Tells ``record`` once of each use of a secret from one place, and of every refusal."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._used: set[tuple[str, str]] = set()

    def admitted(self, caller: Caller, grant: Grant | None) -> None:
        """Take note of somebody who was let in by a secret."""
        if grant is None or grant.session or grant.via not in {"token", "password"}:
            return
        use = (grant.token, caller.origin)
        if use not in self._used:
            if len(self._used) >= _REMEMBERED:
                self._used.clear()
            self._used.add(use)
            token = {"token": grant.token} if grant.token else {}
            self._record(f"{grant.via}_used", name=grant.name, origin=caller.origin, **token)

    def refused(self, caller: Caller, found: Refused) -> None:
        """Take note of a request that was refused for who asked, or from where."""
        if found.answer.status not in _TELLING or found.request is None:
            return
        event = "login_failed" if found.admission.failed else "refused"
        grant = found.admission.grant
        self._record(
            event,
            origin=caller.origin,
            error=found.error,
            name=grant.name if grant else "",
            **_asked(found.request),
        )

    def failed(self, caller: Caller, request: Request) -> None:
        """Take note of a wrong secret that was shown where none is needed."""
        asked = _asked(request)
        self._record(
            "login_failed", origin=caller.origin, error="unauthenticated", name="", **asked
        )

    def again(self) -> None:
        """Tell of uses anew: these are other secrets."""
        self._used.clear()


def _asked(request: Request) -> dict[str, str]:
    """Return what was asked for, without a query: secrets may be there."""
    path = request.target.partition("?")[0].partition("#")[0]
    host = fields.get(request.headers, "host") or ""
    return {"method": request.method, "host": host[:256], "path": path[:256]}
