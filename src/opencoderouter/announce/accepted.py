"""Routers that the user has accepted: in a file of the state directory."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.hosts import is_literal
from opencoderouter.core.peers import LAST_PORT, MOST_ADDRESSES, Accepted, is_label
from opencoderouter.private import Damaged, Refused, Stamp
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)
_OFTEN = 0.5  # seconds between two looks at the file


class AcceptedFile:
    """A JSON object with ``peers``, shared by all routers of a user; a missing one has none.

    What is damaged is neither used nor replaced. All raise Damaged, NotPrivate, or OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Accepted, ...]:
        """Return the routers that are accepted, by label."""
        try:
            content = private.read_json(self.path)
        except FileNotFoundError:
            return ()
        entries = content.get("peers")
        if content.keys() != {"peers"} or not isinstance(entries, list):
            raise Damaged(self.path, "is damaged: no list of peers")
        found = [accepted(entry) for entry in entries]
        peers = [peer for peer in found if peer is not None]
        if len(peers) < len(found):
            raise Damaged(self.path, "is damaged: an entry is no peer")
        return tuple(peers)

    def add(self, peer: Accepted) -> None:
        """Accept a router, in place of one with this label."""
        with private.locked(self.path):
            others = [one for one in self.load() if one.label != peer.label]
            self._write([*others, peer])

    def remove(self, label: str) -> Accepted | None:
        """Accept a router no longer and return it; None when none has this label."""
        with private.locked(self.path):
            peers = self.load()
            gone = next((one for one in peers if one.label == label), None)
            if gone is not None:
                self._write([one for one in peers if one is not gone])
        return gone

    def _write(self, peers: list[Accepted]) -> None:
        every = sorted(peers, key=lambda one: one.label)
        content = {"peers": [asdict(peer) for peer in every]}
        private.replace(self.path, json.dumps(content, indent=1).encode())


class Acceptance:
    """Keeps ``watch``: what the file says, within a second.

    While the file is damaged or not ours alone, nobody is accepted; what cannot be read for
    another reason stays as it was. Both are logged.
    """

    def __init__(self, file: AcceptedFile) -> None:
        self._file = file
        self._stamp: Stamp | None = None
        self._complaint = ""
        self.watch: Watch[tuple[Accepted, ...]] = Watch(())

    async def run(self) -> None:
        """Service: follow the file, until cancelled."""
        while True:
            stamp = await asyncio.to_thread(private.stamp, self._file.path)
            if stamp != self._stamp:
                self._stamp = stamp  # of before: what changes while it is read is read again
                self.watch.set(await asyncio.to_thread(self._read))
            await asyncio.sleep(_OFTEN)

    def _read(self) -> tuple[Accepted, ...]:
        try:
            found = self._file.load()
        except OSError as error:
            self._complain(str(error))
            if isinstance(error, Refused):
                return ()
            self._stamp = None  # it may have been a moment without file descriptors
            return self.watch.value
        self._complaint = ""
        return found

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            _log.error("peers not read error=%s", complaint)
        self._complaint = complaint


def accepted(entry: object) -> Accepted | None:
    """Return the router that an entry of the file means; None when it is none."""
    if not isinstance(entry, dict) or entry.keys() != Accepted.__dataclass_fields__.keys():
        return None
    label, addresses, port = entry["label"], entry["addresses"], entry["port"]
    right = (
        isinstance(label, str)
        and is_label(label)
        and isinstance(addresses, list)
        and 0 < len(addresses) <= MOST_ADDRESSES
        and all(isinstance(one, str) and _is_address(one) for one in addresses)
        and isinstance(port, int)
        and 0 < port <= LAST_PORT
    )
    return Accepted(label, tuple(addresses), port) if right else None


def _is_address(text: str) -> bool:
    return "%" not in text and is_literal(text)  # Python takes anything as a zone
