"""What runs here and where it listens: a file for each process in the state directory.

For ``ocr-router health``, which asks twice a minute for ever: to look, no more is loaded than must
be. A file counts as long as its writer holds the lock on it, which ends with the process, however
that ends; pids would not do, containers that share the directory have the same.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX, _SUFFIX = "running-", ".json"
_ENOUGH = 1 << 14  # octets
_BOOT, _PIDS = "/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SAME = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - of all addresses


class Presence(NamedTuple):
    """A process that listens. ``kind`` is the command: ``serve`` or ``dns``."""

    kind: str
    scheme: str
    address: str
    port: int


@contextmanager
def present(state: Path, found: Presence) -> Iterator[None]:
    """Let this process be found while the block runs. Where nothing can be written, it is logged.

    What processes have left that were killed is removed.
    """
    from opencoderouter.private import locked

    path = state / f"{_PREFIX}{os.urandom(4).hex()}{_SUFFIX}"
    file = None
    try:
        with locked(state / "running"):
            _sweep(state)
            file = _written(path, found)
    except OSError as error:
        import logging

        log = logging.getLogger(__name__)
        log.warning("`ocr-router health` will not find this process reason=%s", error)
    try:
        yield
    finally:
        if file is not None:
            _remove(path, file)


def near(places: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Return where this machine reaches who listens at all of these."""
    address, port = places[0][:2]
    return _SAME.get(address, address), port


def look(state: str) -> list[Presence]:
    """Return what runs in this container, or on this machine outside of all."""
    try:
        names = sorted(os.listdir(state))  # noqa: PTH208 - pathlib is slow to import
    except OSError:
        return []
    ours = (name for name in names if name.startswith(_PREFIX) and name.endswith(_SUFFIX))
    here = _here()
    told = (_read(f"{state}/{name}") for name in ours)
    return [found for place, found in filter(None, told) if place == here]


def _written(path: Path, found: Presence) -> int:
    """Return the descriptor of a new file, which is locked."""
    from opencoderouter.private import anew

    file = anew(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, json.dumps([_here(), *found]).encode())
    except OSError:
        _remove(path, file)
        raise
    return file


def _remove(path: Path, file: int) -> None:
    with suppress(OSError):
        path.unlink()
    os.close(file)


def _sweep(state: Path) -> None:
    for path in state.glob(f"{_PREFIX}*{_SUFFIX}"):
        if not _is_held(path):
            path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    try:
        file = os.open(path, _OPEN)
    except OSError:
        return True  # not ours to judge
    try:
        return _held(file)
    finally:
        os.close(file)


def _read(path: str) -> tuple[str, Presence] | None:
    """Return where a living process of ours is and what it has written, else None."""
    try:
        file = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        is_ours = os.fstat(file).st_uid == os.geteuid()
        if not (is_ours and _held(file)):
            return None
        place, kind, scheme, address, port = json.loads(os.read(file, _ENOUGH))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    else:
        return place, Presence(kind, scheme, address, port)
    finally:
        os.close(file)


def _held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _here() -> str:
    """Return what differs between machines that share a directory, and between containers."""
    found = ""
    with suppress(OSError):
        with open(_BOOT, encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
            found = file.read().strip()
        found += f" {os.stat(_PIDS).st_ino}"  # noqa: PTH116 - as above
    return found
