"""Which checks of a server can be left out: nothing happens there. No I/O, no clock."""

from __future__ import annotations

from opencoderouter.core.model import Backend, Status

_CALM = 12  # checks in a row that found nothing new
_REST = 6  # then, one of so many is made


class Rest:
    """Counts how long a server has been quiet; made for each."""

    def __init__(self) -> None:
        self._seen: tuple[Backend | None, object] = (None, None)
        self._quiet = 0

    def may_skip(self, backend: Backend | None, uses: object) -> bool:
        """Tell whether this check may be left out.

        ``uses`` is what changes when the router passes something on to the server.
        """
        seen = (backend, uses)
        quiet = seen == self._seen and _is_idle(backend)
        self._seen = seen
        self._quiet = self._quiet + 1 if quiet else 0
        return self._quiet > _CALM and (self._quiet - _CALM) % _REST != 0


def _is_idle(backend: Backend | None) -> bool:
    if backend is None or backend.status is not Status.READY:
        return False
    return backend.sessions is not None and backend.sessions.busy == 0
