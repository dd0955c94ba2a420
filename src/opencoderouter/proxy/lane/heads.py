"""The heads of one answer: interim ones, and the final one (RFC 9110 section 15.2)."""

from __future__ import annotations

from opencoderouter.proxy.lane.prepared import Prepared
from opencoderouter.proxy.lane.reply import Reply, read
from opencoderouter.proxy.lane.request import END

SIZE = 64 * 1024  # octets of a head; who gives more is broken
MOST = 17  # heads in one answer, the final one included; who gives more is broken


class Heads:
    """Reads heads as their bytes come, up to the final one: ``final``, with its bytes."""

    __slots__ = ("_authority", "_count", "_held", "_interim", "_prepared", "final")

    def __init__(self, prepared: Prepared, authority: str) -> None:
        self._prepared, self._authority = prepared, authority
        self._held = b""
        self._count = 0
        self._interim: list[bytes] = []
        self.final: tuple[bytes, Reply] | None = None

    def feed(self, data: bytes) -> bytes | None:
        """Take in bytes; return those behind the final head. None when this is no answer."""
        data, self._held = self._held + data, b""
        while self.final is None and data:
            end = data.find(END) + len(END)
            if (end if end >= len(END) else len(data)) > SIZE:
                return None
            if end < len(END):
                self._held, data = data, b""
            elif self._take(data[:end]):
                data = data[end:]
            else:
                return None
        return data

    def interim(self) -> list[bytes]:
        """Return the heads to pass on before the final one, each once."""
        taken, self._interim = self._interim, []
        return taken

    def _take(self, raw: bytes) -> bool:
        prepared = self._prepared
        found = read(raw, prepared.request, prefix=prepared.prefix, authority=self._authority)
        self._count += 1
        if found is None or self._count > MOST or (found.switches and not prepared.upgrade):
            return False
        if not found.interim:
            self.final = (raw, found)
        elif not found.old:
            self._interim.append(found.keep)
        return True
